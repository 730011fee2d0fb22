// What `fedcamae run --profile` measured: profile.json, and the table on stdout.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "core/profile.h"

namespace fedcamae {

// {"workers", "wall_s", "phases": [{"phase", "calls", "total_ms", "share", "primitives": [...]}],
// "primitives": [{"primitive", "calls", "total_ms", "share"}]}, each list by falling time. Times
// are sums over the workers, shares are of the sum over all phases.
nlohmann::ordered_json profile_json(const Profile& profile, int workers, double wall_seconds);
// The same in lines; `json` as profile_json makes it.
std::string profile_table(const nlohmann::ordered_json& json);

}  // namespace fedcamae
