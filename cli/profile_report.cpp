#include "cli/profile_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;
using Sums = std::map<std::string, ProfileSum>;

double seconds_of(const Sums& sums) {
  double total = 0;
  for (const auto& [name, sum] : sums) total += sum.seconds;
  return total;
}

// Longest first; equal times by name.
Json rows(const std::string& kind, const Sums& sums, double total) {
  std::vector<std::pair<std::string, ProfileSum>> sorted(sums.begin(), sums.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.seconds > b.second.seconds;
  });
  Json result = Json::array();
  for (const auto& [name, sum] : sorted)
    result.push_back({{kind, name},
                      {"calls", sum.calls},
                      {"total_ms", 1e3 * sum.seconds},
                      {"share", total > 0 ? sum.seconds / total : 0.0}});
  return result;
}

// The primitives of one phase, or of all where it is empty.
Sums primitives_of(const std::map<Profile::Key, ProfileSum>& calls, const std::string& phase) {
  Sums result;
  for (const auto& [key, sum] : calls) {
    if (!phase.empty() && key.first != phase) continue;
    ProfileSum& mine = result[key.second];
    mine.calls += sum.calls;
    mine.seconds += sum.seconds;
  }
  return result;
}

std::string lines(const Json& list, const std::string& kind) {
  std::string text = fmt::format("{:<34} {:>9} {:>12} {:>7}\n", kind, "calls", "total ms", "share");
  for (const Json& row : list)
    text += fmt::format("{:<34} {:>9} {:>12.1f} {:>6.1f}%\n", row[kind].get<std::string>(),
                        row["calls"].get<int64_t>(), row["total_ms"].get<double>(),
                        100 * row["share"].get<double>());
  return text;
}

}  // namespace

nlohmann::ordered_json profile_json(const Profile& profile, int workers, double wall_seconds) {
  const std::map<Profile::Key, ProfileSum> calls = profile.calls();
  Sums phases = profile.phases();
  const Sums outside = primitives_of(calls, ProfilePhase::kOutside);
  if (!outside.empty()) phases[ProfilePhase::kOutside] = {1, seconds_of(outside)};
  const double total = seconds_of(phases);
  Json json = {{"workers", workers},
               {"wall_s", wall_seconds},
               {"measured_s", total},
               {"phases", rows("phase", phases, total)},
               {"primitives", rows("primitive", primitives_of(calls, ""), total)}};
  for (Json& row : json["phases"])
    row["primitives"] = rows("primitive", primitives_of(calls, row["phase"]), total);
  return json;
}

std::string profile_table(const nlohmann::ordered_json& json) {
  return fmt::format("{}\n{}\n{:.1f} s in {:.1f} s of wall time: sums over {} workers",
                     lines(json["phases"], "phase"), lines(json["primitives"], "primitive"),
                     json["measured_s"].get<double>(), json["wall_s"].get<double>(),
                     json["workers"].get<int>());
}

}  // namespace fedcamae
