// fedcamae run: federated runs from a configuration file.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/meta.h"
#include "cli/profile_report.h"
#include "cli/progress.h"
#include "cli/run_folder.h"
#include "cli/run_report.h"
#include "cli/run_setup.h"
#include "cli/signals.h"
#include "cli/talk.h"
#include "core/error.h"
#include "core/ops.h"
#include "defense/registry.h"
#include "models/weights.h"

namespace fedcamae {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class Infos>
auto make_named(const Infos& infos, const std::string& name, const Options& options) {
  for (const auto& info : infos)
    if (info.name == name) return info.make(options);
  fail(ErrorKind::kUsage, "nothing is named '{}'", name);
}

bool round_diverged(const RoundRecord& record, Federation& federation) {
  if (record.loss && !std::isfinite(*record.loss)) return true;
  return !ops::all_finite(federation.global_model().parameters());
}

// Rounds until the end, a signal, or a global model that is no longer finite.
RunEnd run_rounds(Federation& federation, const FederationSpec& spec, RunFolder& folder,
                  Totals& totals, Clock::time_point start) {
  Progress progress("round", spec.rounds, 0);
  std::string note = "starting";
  RunEnd end = RunEnd::kDone;
  for (int64_t round = 1; round <= spec.rounds && end == RunEnd::kDone; ++round) {
    try {
      const RoundRecord record = federation.run_round(
          [&](int64_t done, int64_t total) {
            progress.redraw(round - 1, fmt::format("{}, client {}/{}", note, done, total),
                            static_cast<double>(done) / static_cast<double>(total + 1));
          },
          [] { return noted_signal() != 0; });
      folder.add_round(record, seconds_since(start));
      totals.add(record);
      note = round_note(record);
      progress.update(round, note);
      if (round_diverged(record, federation)) end = RunEnd::kDiverged;
    } catch (const Interrupted&) {
      end = RunEnd::kInterrupted;
    }
  }
  progress.finish();
  return end;
}

RunResult run_one(const Config& config, const Dataset& dataset, const std::string& path,
                  const std::string& fallback, bool profile) {
  const Clock::time_point start = Clock::now();
  FederationSpec spec = make_spec(config, dataset);
  if (profile) spec.profile = std::make_shared<Profile>();
  Context context({.device = spec.device, .threads = spec.threads, .profile = spec.profile});
  const std::optional<ModelState> initial = initial_state(config, spec, context);
  Federation federation(spec, dataset,
                        make_named(attacks(), config.type("attack"), config.own("attack")),
                        make_named(defenses(), config.type("defense"), config.own("defense")),
                        initial ? &*initial : nullptr);
  note_signals();  // from here on the folder is left whole
  RunFolder folder(path);
  write_whole(folder.file("config.toml"), config.to_toml());
  nlohmann::ordered_json meta = start_json(config, spec, dataset, context);
  meta["partition"] = {{"type", spec.partition}, {"hash", federation.partition().hash}};
  write_whole(folder.file("meta.json"), meta.dump(2));
  tell_fallback(fallback);
  talk("{}: {} clients, {} of them malicious, {} workers x {} threads on {}, into {}",
       config.section("run").text("name"), spec.clients, spec.attackers, spec.workers, spec.threads,
       context.backend().name(), path);
  std::string report = federation.partition().report(dataset.train.labels, dataset.classes);
  if (report.ends_with('\n')) report.pop_back();
  talk("{}", report);
  RunResult result;
  result.path = path;
  result.device = context.backend().name();
  result.end = run_rounds(federation, spec, folder, result.totals, start);
  save_weights(folder.file("model.safetensors"), federation.global_model(),
               {spec.model.arch, spec.model.classes, dataset.train.height,
                dataset.normalization.mean, dataset.normalization.std});
  result.wall_seconds = seconds_since(start);
  result.summary = summary_json(config, result).dump(2);
  write_whole(folder.file("summary.json"), result.summary);
  if (profile) {
    const auto measured = profile_json(*spec.profile, spec.workers, result.wall_seconds);
    write_whole(folder.file("profile.json"), measured.dump(2));
    result.profile = profile_table(measured);
  }
  return result;
}

// One sub folder a seed, and a summary over all of them.
int run_seeds_in(const Config& config, const Dataset& dataset, const std::string& path,
                 const std::string& fallback, const RunFlags& flags) {
  std::vector<RunResult> results;
  std::vector<int64_t> done;
  for (int64_t seed : run_seeds(config)) {
    Config one = config;
    one.section("run").set("seed", seed);
    one.section("run").set("seeds", std::vector<int64_t>{});
    talk("seed {}", seed);
    results.push_back(
        run_one(one, dataset, fmt::format("{}/seed-{}", path, seed), fallback, flags.profile));
    done.push_back(seed);
    if (results.back().end == RunEnd::kInterrupted) break;
  }
  const std::string summary = seeds_summary(done, results);
  write_whole(path + "/summary.json", summary);
  fmt::print("{}\n", flags.json ? summary : seeds_table(done, results));
  for (const RunResult& result : results)
    if (result.end != RunEnd::kDone) return exit_code(result.end);
  return 0;
}

}  // namespace

int run_command(const RunFlags& flags) {
  std::string fallback;
  Config config = resolve_config(flags, environ, &fallback);
  std::string path = config.section("run").text("out");
  if (path.empty()) path = default_run_folder(config.section("run").text("name"));
  check_run_folder(path);
  config.section("run").set("out", std::string());  // so that config.toml runs again
  const Options& data = config.section("data");
  const Dataset dataset =
      load_dataset({.name = data.text("dataset"), .data_dir = data.text("dir")});
  if (!config.section("run").integers("seeds").empty())
    return run_seeds_in(config, dataset, path, fallback, flags);
  const RunResult result = run_one(config, dataset, path, fallback, flags.profile);
  fmt::print("{}\n", flags.json ? result.summary : result_table(config, result));
  if (!flags.json && flags.profile) fmt::print("\n{}\n", result.profile);
  if (result.end != RunEnd::kDone) talk("{}", end_message(result));
  return exit_code(result.end);
}

}  // namespace fedcamae
