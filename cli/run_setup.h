// From flags, environment and file to a configuration, and from that to a federation.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/commands.h"
#include "cli/config.h"
#include "data/dataset.h"
#include "fl/federation.h"

namespace fedcamae {

// Defaults < file < environment < --set < flags; device, workers, threads and name resolved to what
// this machine will use, so that the configuration runs again to the same. `fallback`, where given:
// the fallback_reason of the device.
Config resolve_config(const RunFlags& flags, char** environment, std::string* fallback = nullptr);

// The seeds of the configuration's runs: `seeds`, or the one `seed`.
std::vector<int64_t> run_seeds(const Config& config);

FederationSpec make_spec(const Config& config, const Dataset& dataset);

}  // namespace fedcamae
