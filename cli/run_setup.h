// From flags, environment and file to a configuration, and from that to a federation.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "cli/commands.h"
#include "cli/config.h"
#include "data/dataset.h"
#include "fl/federation.h"

namespace fedcamae {

// Defaults < file < environment < --set < flags; device, workers, threads and name resolved to what
// this machine will use, so that the configuration runs again to the same. `fallback`, where given:
// the fallback_reason of the device. `study`, where given: takes the settings of [study], in the
// order of their layers; else there is no such section.
Config resolve_config(const RunFlags& flags, char** environment, std::string* fallback = nullptr,
                      std::vector<Setting>* study = nullptr);

// The seeds of the configuration's runs: `seeds`, or the one `seed`.
std::vector<int64_t> run_seeds(const Config& config);

FederationSpec make_spec(const Config& config, const Dataset& dataset);

// The first global model, where the configuration names a weight file.
std::optional<ModelState> initial_state(const Config& config, const FederationSpec& spec,
                                        Context& context);
// What meta.json begins with: time, build, machine, device, data.
nlohmann::ordered_json start_json(const Config& config, const FederationSpec& spec,
                                  const Dataset& dataset, const Context& context);

}  // namespace fedcamae
