// fedcamae study: every attack against every defense, on one benign training.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/progress.h"
#include "cli/run_folder.h"
#include "cli/run_setup.h"
#include "cli/signals.h"
#include "cli/study_folder.h"
#include "cli/study_plan.h"
#include "cli/talk.h"
#include "core/error.h"

namespace fedcamae {
namespace {

// A study takes its attacks and defenses from its lists; what a file says elsewhere would be
// overlooked.
void refuse_chosen_types(const Config& config) {
  const Config untouched;
  for (const char* table : {"attack", "defense"})
    if (config.type(table) != untouched.type(table))
      fail(ErrorKind::kUsage, "{0}.type = \"{1}\": a study takes its {0}s from study.{0}s", table,
           config.type(table));
}

struct Job {
  const Config& config;
  const StudyPlan& plan;
  const Dataset& dataset;
  std::string path, fallback;
};

std::string scale_line(const Job& job, const std::vector<int64_t>& seeds) {
  const Options& federation = job.config.section("federation");
  return fmt::format(
      "{} on {}, {} partition, {} clients, {} of them malicious; rounds {}, seeds {}",
      job.config.section("model").text("arch"), job.dataset.name, job.config.type("data.partition"),
      federation.integer("clients"), federation.integer("attackers"),
      fmt::join(job.plan.settings.integers("rounds"), ", "), fmt::join(seeds, ", "));
}

class Runner {
 public:
  explicit Runner(const Job& job) : job_(job), seeds_(run_seeds(job.config)) {}

  int run() {
    try {
      for (const int64_t seed : seeds_) run_seed(seed);
    } catch (const Interrupted&) {
      write_tables();
      talk("interrupted; {} is whole up to the last cell", job_.path);
      return 128 + noted_signal();
    } catch (const Error&) {
      if (cells_ > 0) write_tables();
      throw;
    }
    write_tables();
    return 0;
  }

 private:
  void run_seed(int64_t seed) {
    Config config = job_.config;
    config.section("run").set("seed", seed);
    const FederationSpec spec = make_spec(config, job_.dataset);
    Context context({.device = spec.device, .threads = spec.threads});
    const std::optional<ModelState> initial = initial_state(config, spec, context);
    Study study(spec, job_.dataset, make_study(job_.plan), initial ? &*initial : nullptr);
    if (!folder_) {
      note_signals();  // from here on the folder is left whole
      folder_.emplace(job_.path, job_.plan);
      write_whole(folder_->file("config.toml"),
                  job_.config.to_toml() + "\n" + plan_toml(job_.plan));
      meta_ = start_json(config, spec, job_.dataset, context);
      meta_["partition"] = {{"type", spec.partition}};
      tell_fallback(job_.fallback);
      talk("{}, into {}", scale_line(job_, seeds_), job_.path);
      total_ = study.cells() * static_cast<int64_t>(seeds_.size());
      progress_.emplace("cell", total_);
    }
    meta_["partition"]["hashes"][std::to_string(seed)] = study.partition().hash;
    write_whole(folder_->file("meta.json"), meta_.dump(2));
    study.run({.on_client =
                   [&](int64_t done, int64_t clients) {
                     progress_->redraw(
                         cells_, fmt::format("seed {}, training {}/{}", seed, done, clients), 0);
                   },
               .on_cell =
                   [&](const StudyCell& cell) {
                     folder_->add(seed, cell, study.attackers());
                     progress_->update(++cells_, note(seed, cell));
                   },
               .stop = [] { return noted_signal() != 0; }});
  }

  std::string note(int64_t seed, const StudyCell& cell) const {
    return fmt::format("seed {}, {}round {}, {} by {}", seed, cell.closed_loop ? "live " : "",
                       cell.record.round, job_.plan.attacks[cell.attack].name,
                       job_.plan.defenses[cell.defense].name);
  }

  void write_tables() {
    progress_->finish();
    std::string scale = scale_line(job_, seeds_);
    if (cells_ < total_) scale += fmt::format("; interrupted, {} of {} cells", cells_, total_);
    const std::string text = folder_->totals().text(scale);
    write_whole(folder_->file("table.txt"), text);
    write_whole(folder_->file("table.svg"), folder_->totals().svg(scale));
    fmt::print("{}\n\nrun folder {}\n", text, job_.path);
  }

  const Job job_;
  std::vector<int64_t> seeds_;
  std::optional<StudyFolder> folder_;
  std::optional<Progress> progress_;
  nlohmann::ordered_json meta_;
  int64_t cells_ = 0, total_ = 0;
};

}  // namespace

int study_command(const RunFlags& flags) {
  std::string fallback;
  std::vector<Setting> settings;
  Config config = resolve_config(flags, environ, &fallback, &settings);
  refuse_chosen_types(config);
  const StudyPlan plan = make_plan(settings, config);
  std::string path = config.section("run").text("out");
  if (path.empty()) path = default_run_folder(config.section("run").text("name"));
  check_run_folder(path);
  config.section("run").set("out", std::string());  // so that config.toml runs again
  const Options& data = config.section("data");
  const Dataset dataset =
      load_dataset({.name = data.text("dataset"), .data_dir = data.text("dir")});
  return Runner({config, plan, dataset, path, fallback}).run();
}

}  // namespace fedcamae
