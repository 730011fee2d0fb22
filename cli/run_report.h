// The end of a run in words and numbers: summary.json, the table on stdout, the exit code.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/totals.h"

namespace fedcamae {

enum class RunEnd { kDone, kDiverged, kInterrupted };
int exit_code(RunEnd end);  // 0, 5, 128 + signal

struct RunResult {
  std::string path;    // of the run folder
  std::string device;  // its name
  RunEnd end = RunEnd::kDone;
  Totals totals;
  double wall_seconds = 0;
  std::string summary;  // summary.json's text
  std::string profile;  // the table; empty where none was asked for
};

const char* end_name(RunEnd end);  // "done", "diverged", "interrupted"

// Mean and sample standard deviation; the latter needs two values.
struct Spread {
  std::optional<double> mean, std;
};
Spread accuracy_spread(const std::vector<RunResult>& results);  // over those that have one

std::string round_note(const RoundRecord& record);  // "accuracy 71.3%, rejected 3 of 24"
std::string end_message(const RunResult& result);   // why it ended early
nlohmann::ordered_json summary_json(const Config& config, const RunResult& result);
std::string result_table(const Config& config, const RunResult& result);

std::string seeds_summary(const std::vector<int64_t>& seeds, const std::vector<RunResult>& results);
std::string seeds_table(const std::vector<int64_t>& seeds, const std::vector<RunResult>& results);

}  // namespace fedcamae
