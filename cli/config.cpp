#include "cli/config.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "core/error.h"

namespace fedcamae {
namespace {

bool has(const Options& options, const std::string& name) {
  return std::any_of(options.declared().begin(), options.declared().end(),
                     [&](const Option& option) { return option.name == name; });
}

// An empty list fits every list; a text option takes a typed word as it is.
OptionValue fitted(const Setting& setting, const OptionValue& declared) {
  const auto* integers = std::get_if<std::vector<int64_t>>(&setting.value);
  if (integers != nullptr && std::holds_alternative<std::vector<double>>(declared))
    return std::vector<double>(integers->begin(), integers->end());
  if (integers != nullptr && integers->empty() &&
      std::holds_alternative<std::vector<std::string>>(declared))
    return std::vector<std::string>{};
  if (!setting.word.empty() && std::holds_alternative<std::string>(declared) &&
      !std::holds_alternative<std::string>(setting.value))
    return setting.word;
  return setting.value;
}

struct Split {
  std::string table, name;
};
Split split(const std::string& key) {
  const size_t dot = key.rfind('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

const Registered* find_type(const Choice& choice, const std::string& name) {
  for (const Registered& type : choice.types)
    if (type.name == name) return &type;
  return nullptr;
}

std::vector<std::string> type_names(const Choice& choice) {
  std::vector<std::string> result;
  for (const Registered& type : choice.types) result.push_back(type.name);
  return result;
}

// Own options without those that the section declares for every type (the defense's f).
std::vector<Option> own_options(const Registered& type, const Options* section) {
  std::vector<Option> result;
  for (const Option& option : type.options)
    if (section == nullptr || !has(*section, option.name)) result.push_back(option);
  return result;
}

std::string suggestion(const std::string& near) {
  return near.empty() ? std::string() : fmt::format(", did you mean '{}'?", near);
}

// "A__B" as "a.b".
std::string key_of_variable(const std::string& name) {
  std::string key;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool joint = name[i] == '_' && i + 1 < name.size() && name[i + 1] == '_';
    if (joint) ++i;
    key += joint ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return key;
}

}  // namespace

void set_option(Options& options, const std::string& name, const Setting& setting) {
  try {
    options.set(name, has(options, name) ? fitted(setting, options.value(name)) : setting.value);
  } catch (const Error& error) {
    fail(ErrorKind::kUsage, "{}: {}", setting.where, error.what());
  }
}

Config::Config() {
  for (const Section& s : sections()) sections_.emplace(s.name, Options(s.options));
  for (const Choice& choice : choices()) {
    const Registered* type = find_type(choice, choice.default_type);
    check(type != nullptr, "[config] no {} named '{}'", choice.table, choice.default_type);
    const auto found = sections_.find(choice.table);
    const Options* fixed = found == sections_.end() ? nullptr : &found->second;
    chosen_[choice.table] = {&choice, type->name, Options(own_options(*type, fixed))};
  }
}

void Config::apply(const std::vector<Setting>& layer) {
  for (const Setting& setting : layer)
    for (auto& [table, chosen] : chosen_)
      if (setting.key == table + ".type" || setting.key == table) choose(chosen, setting);
  for (const Setting& setting : layer) {
    const bool is_type = std::any_of(chosen_.begin(), chosen_.end(), [&](const auto& entry) {
      return setting.key == entry.first + ".type" || setting.key == entry.first;
    });
    if (!is_type) assign(setting);
  }
}

void Config::choose(Chosen& chosen, const Setting& setting) {
  const std::string* name = std::get_if<std::string>(&setting.value);
  if (name == nullptr)
    fail(ErrorKind::kUsage, "{}: '{}' expects the name of a type, got {}", setting.where,
         setting.key, to_text(setting.value));
  const Registered* type = find_type(*chosen.choice, *name);
  if (type == nullptr)
    fail(ErrorKind::kUsage, "{}: no {} is named '{}'{}; known: {}", setting.where,
         chosen.choice->table, *name, suggestion(nearest(*name, type_names(*chosen.choice))),
         fmt::join(type_names(*chosen.choice), ", "));
  if (*name == chosen.type) return;
  chosen.type = *name;
  const auto found = sections_.find(chosen.choice->table);
  const Options* fixed = found == sections_.end() ? nullptr : &found->second;
  chosen.own = Options(own_options(*type, fixed));
}

void Config::assign(const Setting& setting) {
  const auto [table, name] = split(setting.key);
  const auto chosen = chosen_.find(table);
  const auto fixed = sections_.find(table);
  const bool known_table = chosen != chosen_.end() || fixed != sections_.end();
  if (name.empty() && known_table) return;  // an empty table
  if (chosen != chosen_.end() && has(chosen->second.own, name)) {
    set_option(chosen->second.own, name, setting);
  } else if (fixed != sections_.end() && has(fixed->second, name)) {
    set_option(fixed->second, name, setting);
  } else {
    unknown(setting);
  }
}

void Config::unknown(const Setting& setting) const {
  const auto [table, name] = split(setting.key);
  const auto chosen = chosen_.find(table);
  const auto fixed = sections_.find(table);
  std::vector<std::string> known, tables;
  if (chosen != chosen_.end()) {
    known.push_back("type");
    for (const Option& option : chosen->second.own.declared()) known.push_back(option.name);
  }
  if (fixed != sections_.end())
    for (const Option& option : fixed->second.declared()) known.push_back(option.name);
  if (table == "data") known.push_back("partition");
  if (known.empty()) {
    for (const auto& [section, options] : sections_) tables.push_back(section);
    if (table.empty() && sections_.count(name) != 0)
      fail(ErrorKind::kUsage, "{}: '{}' is a section; write its keys as {}.key = value",
           setting.where, name, name);
    const std::string near = nearest(table.empty() ? name : table, tables);
    fail(ErrorKind::kUsage, "{}: unknown {} '{}'{} (sections: {})", setting.where,
         name.empty() ? "section" : "key", name.empty() ? table : setting.key, suggestion(near),
         fmt::join(tables, ", "));
  }
  const std::string near = nearest(name, known);
  if (!near.empty())
    fail(ErrorKind::kUsage, "{}: unknown key '{}'{}", setting.where, setting.key, suggestion(near));
  const std::string type =
      chosen == chosen_.end() ? "" : fmt::format(" with type '{}'", chosen->second.type);
  fail(ErrorKind::kUsage, "{}: unknown key '{}'; [{}]{} takes {}", setting.where, setting.key,
       table, type, fmt::join(known, ", "));
}

const Options& Config::section(const std::string& name) const { return sections_.at(name); }
Options& Config::section(const std::string& name) { return sections_.at(name); }
const std::string& Config::type(const std::string& table) const { return chosen_.at(table).type; }

Options Config::own(const std::string& table) const {
  const Chosen& chosen = chosen_.at(table);
  const Registered* type = find_type(*chosen.choice, chosen.type);
  Options result(type->options);
  for (const Option& option : chosen.own.declared())
    result.set(option.name, chosen.own.value(option.name));
  const auto fixed = sections_.find(table);
  if (fixed != sections_.end())
    for (const Option& option : fixed->second.declared())
      if (has(result, option.name)) result.set(option.name, fixed->second.value(option.name));
  return result;
}

std::string Config::to_toml() const {
  std::string text;
  for (const Section& s : sections()) {
    text += fmt::format("[{}]\n", s.name);
    const auto chosen = chosen_.find(s.name);
    if (chosen != chosen_.end()) text += fmt::format("type = \"{}\"\n", chosen->second.type);
    const Options& fixed = section(s.name);
    for (const Option& option : s.options)
      text += fmt::format("{} = {}\n", option.name, to_text(fixed.value(option.name)));
    if (chosen != chosen_.end())
      for (const Option& option : chosen->second.own.declared())
        text +=
            fmt::format("{} = {}\n", option.name, to_text(chosen->second.own.value(option.name)));
    if (s.name == "data") {
      const Chosen& partition = chosen_.at("data.partition");
      text += fmt::format("partition = {{ type = \"{}\"", partition.type);
      for (const Option& option : partition.own.declared())
        text += fmt::format(", {} = {}", option.name, to_text(partition.own.value(option.name)));
      text += " }\n";
    }
    text += "\n";
  }
  text.pop_back();
  return text;
}

std::vector<Setting> environment_settings(char** environment) {
  static constexpr char kPrefix[] = "FEDCAMAE_";
  std::vector<std::string> entries;
  for (char** entry = environment; *entry != nullptr; ++entry)
    if (std::strncmp(*entry, kPrefix, sizeof(kPrefix) - 1) == 0) entries.emplace_back(*entry);
  std::sort(entries.begin(), entries.end());
  std::vector<Setting> settings;
  for (const std::string& entry : entries) {
    const size_t equals = entry.find('=');
    const std::string key =
        key_of_variable(entry.substr(sizeof(kPrefix) - 1, equals - (sizeof(kPrefix) - 1)));
    if (key.find('.') == std::string::npos) continue;  // FEDCAMAE_ISA and such are no keys
    const std::string where = "environment variable " + entry.substr(0, equals);
    for (Setting& setting : parse_assignment(key + entry.substr(equals), where))
      settings.push_back(std::move(setting));
  }
  return settings;
}

}  // namespace fedcamae
