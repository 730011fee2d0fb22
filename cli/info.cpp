// fedcamae info: this build and this machine.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/meta.h"
#include "core/backend.h"
#include "data/dataset.h"

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;

// What --device may name: the device's own name, or why it cannot be used.
Json devices_json() {
  const auto name = [](const Device& device) {
    const std::string why = device_obstacle(device);
    return why.empty() ? Context({.device = device}).backend().name() : "not available, " + why;
  };
  Json devices = {{"cpu", name({})}};
  const int gpus = gpu_count();
  if (gpus == 0) devices["cuda"] = name({DeviceType::kCuda, 0});
  for (int i = 0; i < gpus; ++i) {
    const Device device{DeviceType::kCuda, i};
    devices[device.str()] = name(device);
  }
  return devices;
}

// Where data sets are looked for when no folder is named, and whether there is anything.
Json data_places_json() {
  std::vector<std::string> places;
  auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string own = variable("FEDCAMAE_DATA_DIR"), xdg = variable("XDG_DATA_HOME");
  if (!own.empty()) places.push_back(own);
  places.push_back((xdg.empty() ? variable("HOME") + "/.local/share" : xdg) + "/fedcamae");
  places.emplace_back("/usr/share/datasets");
  Json json = Json::object();
  for (const std::string& place : places)
    json[place] = std::filesystem::is_directory(place) ? "there" : "not there";
  return json;
}

void print_tree(const Json& json, const std::string& indent) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      fmt::print("{}{}:\n", indent, key);
      print_tree(value, indent + "  ");
    } else if (value.is_array()) {
      fmt::print("{}{}:", indent, key);
      for (const Json& item : value)
        fmt::print(" {}", item.is_string() ? item.get<std::string>() : item.dump());
      fmt::print("\n");
    } else {
      fmt::print("{}{}: {}\n", indent, key,
                 value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

}  // namespace

int info_command(bool json) {
  const Json info = {{"build", build_json()},
                     {"machine", machine_json()},
                     {"devices", devices_json()},
                     {"data_places", data_places_json()}};
  if (json) {
    fmt::print("{}\n", info.dump(2));
  } else {
    print_tree(info, "");
  }
  return 0;
}

}  // namespace fedcamae
