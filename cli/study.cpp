// fedcamae study: every attack against every defense, on one benign training.
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
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
  bool resumed;
};

std::string scale_line(const Job& job, const std::vector<int64_t>& seeds) {
  const Options& federation = job.config.section("federation");
  return fmt::format(
      "{} on {}, {} partition, {} clients, {} of them malicious; rounds {}, seeds {}",
      job.config.section("model").text("arch"), job.dataset.name, job.config.type("data.partition"),
      federation.integer("clients"), federation.integer("attackers"),
      fmt::join(job.plan.settings.integers("rounds"), ", "), fmt::join(seeds, ", "));
}

nlohmann::ordered_json read_meta(const std::string& path) {
  std::ifstream file(path + "/meta.json");
  auto meta = nlohmann::ordered_json::parse(file, nullptr, false);
  if (!meta.is_object() || !meta["plan"].is_string())
    fail(ErrorKind::kData, "{}/meta.json: does not say what the study's plan was; start a new one",
         path);
  return meta;
}

class Runner {
 public:
  explicit Runner(const Job& job) : job_(job), seeds_(run_seeds(job.config)) {}

  int run() {
    try {
      for (const int64_t seed : seeds_) run_seed(seed);
    } catch (const Interrupted&) {
      write_tables();
      talk("interrupted; {0} is whole up to the last cell; go on with: fedcamae study --resume {0}",
           job_.path);
      return 128 + noted_signal();
    } catch (const Error&) {
      if (cells_ > 0) write_tables();
      throw;
    }
    write_tables();
    folder_->finish();
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
      total_ = study.cells() * static_cast<int64_t>(seeds_.size());
      open(start_json(config, spec, job_.dataset, context));
      meta_["partition"]["type"] = spec.partition;
    }
    meta_["partition"]["hashes"][std::to_string(seed)] = study.partition().hash;
    write_whole(folder_->file("meta.json"), meta_.dump(2));
    const StudyPast past = folder_->past(seed);
    study.run(
        {.on_client =
             [&](int64_t done, int64_t clients) {
               progress_->redraw(cells_,
                                 fmt::format("seed {}, training {}/{}", seed, done, clients), 0);
             },
         .on_round = [&](int64_t round, const Model& model) { folder_->keep(seed, round, model); },
         .on_cell =
             [&](const StudyCell& cell) {
               folder_->add(seed, cell, study.attackers());
               progress_->update(++cells_, note(seed, cell));
             },
         .stop = [] { return noted_signal() != 0; }},
        past);
    folder_->forget(seed);
  }

  // The folder, and meta.json as it begins or goes on.
  void open(nlohmann::ordered_json start) {
    note_signals();  // from here on the folder is left whole
    if (job_.resumed) {
      meta_ = read_meta(job_.path);
      if (meta_["data"] != start["data"])
        fail(ErrorKind::kData, "--resume {}: was begun with other data, {} is not {}", job_.path,
             start["data"].dump(), meta_["data"].dump());
      start.erase("data");
      meta_["resumed"].push_back(std::move(start));
    } else {
      meta_ = std::move(start);
      meta_["plan"] = plan_hash(job_.config, job_.plan);
    }
    folder_.emplace(job_.path, job_.plan, seeds_, job_.resumed);
    if (!job_.resumed)
      write_whole(folder_->file("config.toml"),
                  job_.config.to_toml() + "\n" + plan_toml(job_.plan));
    for (const int64_t seed : seeds_) cells_ += folder_->past(seed).cells;
    tell_fallback(job_.fallback);
    talk("{}, {}into {}", scale_line(job_, seeds_),
         job_.resumed ? fmt::format("{} of {} cells are made, ", cells_, total_) : "", job_.path);
    progress_.emplace("cell", total_, 5.0, cells_);
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

int study_command(const RunFlags& given) {
  RunFlags flags = given;
  const bool resumed = !flags.resume.empty();
  if (resumed) {
    StudyFolder::check_resumable(flags.resume);
    if (flags.config.empty()) flags.config = flags.resume + "/config.toml";
  }
  std::string fallback;
  std::vector<Setting> settings;
  Config config = resolve_config(flags, environ, &fallback, &settings);
  refuse_chosen_types(config);
  const StudyPlan plan = make_plan(settings, config);
  std::string path = resumed ? flags.resume : config.section("run").text("out");
  if (path.empty()) path = default_run_folder(config.section("run").text("name"));
  if (!resumed)
    check_run_folder(path);
  else if (read_meta(path)["plan"] != plan_hash(config, plan))
    fail(ErrorKind::kUsage,
         "--resume {}: the plan is not the one that this study began with; start a new study",
         path);
  config.section("run").set("out", std::string());  // so that config.toml runs again
  const Options& data = config.section("data");
  const Dataset dataset =
      load_dataset({.name = data.text("dataset"), .data_dir = data.text("dir")});
  return Runner({config, plan, dataset, path, fallback, resumed}).run();
}

}  // namespace fedcamae
