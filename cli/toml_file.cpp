#include "cli/toml_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "core/error.h"

namespace fedcamae {
namespace {

using Where = std::function<std::string(const toml::node&)>;

template <class T>
std::vector<T> elements(const toml::array& array) {
  std::vector<T> result;
  for (const toml::node& node : array) result.push_back(*node.value<T>());
  return result;
}

OptionValue array_value(const toml::array& array, const std::string& key,
                        const std::string& where) {
  if (array.empty()) return std::vector<int64_t>{};
  auto all = [&](auto&& test) { return std::all_of(array.begin(), array.end(), test); };
  if (all([](const toml::node& n) { return n.is_integer(); })) return elements<int64_t>(array);
  if (all([](const toml::node& n) { return n.is_number(); })) return elements<double>(array);
  if (all([](const toml::node& n) { return n.is_string(); })) return elements<std::string>(array);
  fail(ErrorKind::kUsage, "{}: '{}' is a list of mixed things; use numbers only or texts only",
       where, key);
}

OptionValue scalar_value(const toml::node& node, const std::string& key, const std::string& where) {
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* array = node.as_array()) return array_value(*array, key, where);
  fail(ErrorKind::kUsage, "{}: '{}' is a date or time; no setting takes one", where, key);
}

bool is_list_of_tables(const toml::node& node) {
  const toml::array* array = node.as_array();
  return array != nullptr && !array->empty() &&
         std::all_of(array->begin(), array->end(),
                     [](const toml::node& item) { return item.is_table(); });
}

void flatten(const toml::node& node, const std::string& key, const Where& where,
             const std::string& word, std::vector<Setting>& settings) {
  const toml::table* table = node.as_table();
  if (table == nullptr && !is_list_of_tables(node)) {
    settings.push_back({key, scalar_value(node, key, where(node)), where(node), word});
    return;
  }
  const std::string prefix = key.empty() ? "" : key + ".";
  if (table == nullptr || (table->empty() && !key.empty()))
    settings.push_back({prefix, {}, where(node), ""});
  if (table == nullptr) {
    for (size_t i = 0; i < node.as_array()->size(); ++i)
      flatten(*node.as_array()->get(i), prefix + std::to_string(i), where, "", settings);
    return;
  }
  for (const auto& [name, inner] : *table)
    flatten(inner, prefix + std::string(name.str()), where, "", settings);
}

std::optional<toml::table> try_parse(const std::string& text) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<Setting> read_toml_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))
    fail(ErrorKind::kUsage,
         "{}: cannot be read; name a configuration file such as configs/quick.toml", path);
  std::stringstream text;
  text << file.rdbuf();
  std::vector<Setting> settings;
  try {
    const toml::table table = toml::parse(text.str(), path);
    flatten(
        table, "",
        [&](const toml::node& node) {
          return fmt::format("{}:{}", path, node.source().begin.line);
        },
        "", settings);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kUsage, "{}:{}: {} (column {})", path, error.source().begin.line,
         error.description(), error.source().begin.column);
  }
  return settings;
}

std::vector<Setting> parse_assignment(const std::string& text, const std::string& where) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    fail(ErrorKind::kUsage, "{}: expected key=value, as in federation.lr=0.01", where);
  const std::string key = text.substr(0, equals), word = text.substr(equals + 1);
  const std::optional<toml::table> table = try_parse("value = " + word + "\n");
  const toml::node* node = table && table->size() == 1 ? table->get("value") : nullptr;
  const Where same = [&](const toml::node&) { return where; };
  std::vector<Setting> settings;
  if (node != nullptr && !node->is_date() && !node->is_time() && !node->is_date_time()) {
    flatten(*node, key, same, word, settings);
  } else {
    settings.push_back({key, word, where, word});
  }
  return settings;
}

std::string toml_version() {
  return fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH);
}

}  // namespace fedcamae
