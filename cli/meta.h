// Where a result comes from: build, machine, libraries.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace fedcamae {

nlohmann::ordered_json build_json();    // version, git, compiler, libraries
nlohmann::ordered_json machine_json();  // processor, cores, instruction-set level, memory
std::string utc_time();                 // "2026-01-31T12:00:00Z"
int64_t peak_rss_bytes();               // of this process so far

}  // namespace fedcamae
