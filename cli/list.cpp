// fedcamae list: everything that a configuration can name, with parameters and defaults.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/schema.h"
#include "data/dataset.h"
#include "data/partition.h"
#include "defense/registry.h"
#include "fl/attack.h"
#include "models/model.h"

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;

Json bound(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json option_json(const Option& option) {
  Json json = {{"name", option.name}, {"type", type_name(option.value)}};
  std::visit([&](const auto& value) { json["default"] = value; }, option.value);
  json["doc"] = option.doc;
  json["min"] = bound(option.low);
  json["max"] = bound(option.high);
  if (!option.choices.empty()) json["choices"] = option.choices;
  return json;
}

Json entry(const std::string& name, const std::string& doc, const std::vector<Option>& options) {
  Json json = {{"name", name}, {"doc", doc}, {"parameters", Json::array()}};
  for (const Option& option : options) json["parameters"].push_back(option_json(option));
  return json;
}

// The keys of [attack] and [defense] that every type has.
std::vector<Option> with_common(const std::string& section, std::vector<Option> options) {
  for (const Section& s : sections())
    if (s.name == section)
      for (const Option& common : s.options) {
        bool own = false;
        for (const Option& option : options) own = own || option.name == common.name;
        if (!own) options.push_back(common);
      }
  return options;
}

Json list_json(const std::string& what) {
  Json json = Json::array();
  if (what == "models") {
    for (const ArchInfo& info : architectures()) json.push_back(entry(info.name, info.doc, {}));
  } else if (what == "datasets") {
    for (const DatasetInfo& info : datasets()) {
      json.push_back(entry(info.name, info.doc, {}));
      json.back()["classes"] = info.classes == 0 ? Json(nullptr) : Json(info.classes);
    }
  } else if (what == "partitions") {
    for (const PartitionInfo& info : partitions()) {
      json.push_back(entry(info.name, info.doc, info.options));
      json.back()["source"] = info.source;
    }
  } else if (what == "attacks") {
    for (const AttackInfo& info : attacks()) {
      json.push_back(entry(info.name, info.doc, with_common("attack", info.options)));
      json.back()["source"] = info.source;
      json.back()["knowledge"] = info.knowledge;
    }
  } else {
    for (const DefenseInfo& info : defenses()) {
      json.push_back(entry(info.name, info.doc, with_common("defense", info.options)));
      json.back()["source"] = info.source;
    }
  }
  return json;
}

void print_text(const Json& list) {
  for (const Json& item : list) {
    fmt::print("{}: {}\n", item["name"].get<std::string>(), item["doc"].get<std::string>());
    for (const char* key : {"knowledge", "source"})
      if (item.contains(key) && !item[key].get<std::string>().empty())
        fmt::print("  {}: {}\n", key, item[key].get<std::string>());
    for (const Json& p : item["parameters"]) {
      const std::string left =
          fmt::format("{} = {}", p["name"].get<std::string>(), p["default"].dump());
      fmt::print("  {:<28} {} ({})\n", left, p["doc"].get<std::string>(),
                 p["type"].get<std::string>());
    }
  }
}

}  // namespace

int list_command(const std::string& what, bool json) {
  require_choice("list", what, {"models", "datasets", "partitions", "attacks", "defenses"});
  const Json list = list_json(what);
  if (json) {
    fmt::print("{}\n", list.dump(2));
  } else {
    print_text(list);
  }
  return 0;
}

}  // namespace fedcamae
