#include "cli/run_setup.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/checks.h"
#include "cli/compute.h"
#include "cli/meta.h"
#include "core/error.h"
#include "core/precision.h"

namespace fedcamae {
namespace {

std::vector<Setting> flag_settings(const RunFlags& f) {
  std::vector<Setting> settings;
  auto add = [&](const std::string& flag, const std::string& key, const auto& value) {
    if (value) settings.push_back({key, *value, flag, ""});
  };
  add("--device", "run.device", f.device);
  add("--precision", "run.precision", f.precision);
  add("--data-dir", "data.dir", f.data_dir);
  add("--out", "run.out", f.out);
  add("--threads", "run.threads", f.threads);
  add("--workers", "run.workers", f.workers);
  add("--seed", "run.seed", f.seed);
  return settings;
}

// Each worker has a context, on a GPU also a stream, memory and workspaces of its own; a few keep a
// GPU busy.
void resolve_workers(Options& run, int64_t clients) {
  constexpr int64_t kGpuWorkers = 4;
  int64_t threads = run.integer("threads"), workers = run.integer("workers");
  const int64_t cores = core_count();
  if (threads == 0) threads = 1;
  if (workers == 0) {
    workers = std::max<int64_t>(1, cores / threads);
    if (run.text("device") != "cpu") workers = std::min(workers, kGpuWorkers);
  }
  run.set("threads", threads);
  run.set("workers", std::min(workers, clients));
}

// FEDCAMAE_DATA_DIR is the first of the places that are searched where no folder is named; over one
// that the file names it wins like every variable.
void apply_data_dir(Config& config, char** environment) {
  static constexpr char kName[] = "FEDCAMAE_DATA_DIR=";
  for (char** entry = environment; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.starts_with(kName) && text.size() > sizeof(kName) - 1 &&
        !config.section("data").text("dir").empty())
      config.section("data").set("dir", text.substr(sizeof(kName) - 1));
  }
}

void check_relations(const Config& config) {
  const Options& federation = config.section("federation");
  if (federation.integer("attackers") >= federation.integer("clients"))
    fail(ErrorKind::kUsage, "federation.attackers = {} leaves no honest one of {} clients",
         federation.integer("attackers"), federation.integer("clients"));
  if (federation.real("fraction") <= 0)
    fail(ErrorKind::kUsage, "federation.fraction must be above 0");
  if (federation.flag("nesterov") &&
      (federation.text("optimizer") != "sgd" || federation.real("momentum") == 0))
    fail(ErrorKind::kUsage, "federation.nesterov needs optimizer = \"sgd\" and momentum above 0");
  const Options& attack = config.section("attack");
  if (attack.integer("stop") != 0 && attack.integer("stop") < attack.integer("start"))
    fail(ErrorKind::kUsage, "attack.stop = {} comes before attack.start = {}",
         attack.integer("stop"), attack.integer("start"));
  const Options& run = config.section("run");
  if (run.text("name").find('/') != std::string::npos)
    fail(ErrorKind::kUsage, "run.name = \"{}\" is part of a folder's name and cannot hold a '/'",
         run.text("name"));
  const std::vector<int64_t>& seeds = run.integers("seeds");
  for (size_t i = 0; i < seeds.size(); ++i)
    if (std::find(seeds.begin(), seeds.begin() + static_cast<std::ptrdiff_t>(i), seeds[i]) !=
        seeds.begin() + static_cast<std::ptrdiff_t>(i))
      fail(ErrorKind::kUsage, "run.seeds holds {} twice", seeds[i]);
}

// Lays the settings over the configuration; those of [study] go to `study` where that is asked for.
void apply_layer(Config& config, std::vector<Setting> layer, std::vector<Setting>* study) {
  if (study != nullptr) {
    const auto first = std::stable_partition(
        layer.begin(), layer.end(), [](const Setting& s) { return !s.key.starts_with("study."); });
    study->insert(study->end(), first, layer.end());
    layer.erase(first, layer.end());
  }
  config.apply(layer);
}

}  // namespace

Config resolve_config(const RunFlags& flags, char** environment, std::string* fallback,
                      std::vector<Setting>* study) {
  Config config;
  apply_layer(config, read_toml_file(flags.config), study);
  apply_data_dir(config, environment);
  apply_layer(config, environment_settings(environment), study);
  std::vector<Setting> sets;
  for (const std::string& text : flags.sets)
    for (Setting& setting : parse_assignment(text, "--set " + text))
      sets.push_back(std::move(setting));
  apply_layer(config, std::move(sets), study);
  config.apply(flag_settings(flags));
  Options& run = config.section("run");
  if (flags.seed) run.set("seeds", std::vector<int64_t>{});
  if (run.text("name").empty())
    run.set("name", std::filesystem::path(flags.config).stem().string());
  if (fallback != nullptr) *fallback = fallback_reason(run.text("device"));
  const Device device = parse_device(run.text("device"));
  check_precision(device, parse_precision(run.text("precision")));
  run.set("device", device.str());
  resolve_workers(run, config.section("federation").integer("clients"));
  check_relations(config);
  return config;
}

std::vector<int64_t> run_seeds(const Config& config) {
  const Options& run = config.section("run");
  const std::vector<int64_t>& seeds = run.integers("seeds");
  return seeds.empty() ? std::vector<int64_t>{run.integer("seed")} : seeds;
}

FederationSpec make_spec(const Config& config, const Dataset& dataset) {
  const Options &run = config.section("run"), &data = config.section("data"),
                &model = config.section("model"), &federation = config.section("federation"),
                &attack = config.section("attack"), &eval = config.section("eval");
  FederationSpec spec;
  spec.seed = static_cast<uint64_t>(run.integer("seed"));
  spec.device = parse_device(run.text("device"));
  spec.precision = parse_precision(run.text("precision"));
  spec.conv_algorithms = parse_conv_algorithms(run.text("conv_algorithms"));
  spec.workers = static_cast<int>(run.integer("workers"));
  spec.threads = static_cast<int>(run.integer("threads"));
  spec.rounds = run.integer("rounds");
  const int64_t classes = model.integer("classes");
  spec.model = {model.text("arch"), classes == 0 ? dataset.classes : classes};
  if (spec.model.classes < dataset.classes)
    fail(ErrorKind::kUsage, "model.classes = {} is fewer than the {} classes of {}",
         spec.model.classes, dataset.classes, dataset.name);
  spec.clients = federation.integer("clients");
  spec.attackers = federation.integer("attackers");
  spec.fraction = federation.real("fraction");
  spec.weighted = federation.flag("weighted");
  spec.epochs = federation.integer("epochs");
  spec.batch = federation.integer("batch");
  spec.optimizer = {federation.text("optimizer"), federation.real("lr"),
                    federation.real("momentum"), federation.flag("nesterov"),
                    federation.real("weight_decay")};
  spec.schedule = {federation.text("schedule"), federation.real("schedule_gamma"),
                   federation.integer("schedule_every")};
  if (data.flag("augment")) spec.augment = default_augment(dataset.name);
  spec.partition = config.type("data.partition");
  spec.partition_options = config.own("data.partition");
  spec.attack_start = attack.integer("start");
  spec.attack_stop = attack.integer("stop");
  spec.train_images = data.integer("train_images");
  spec.server_images = data.integer("server_images");
  spec.test_images = eval.integer("images");
  spec.eval_every = eval.integer("every");
  spec.pictures_every = config.section("log").integer("heatmaps_every");
  spec.distances = config.section("log").flag("distances");
  return spec;
}

std::optional<ModelState> initial_state(const Config& config, const FederationSpec& spec,
                                        Context& context) {
  const Options& options = config.section("model");
  if (options.text("weights").empty()) return std::nullopt;
  const ModelFlags flags{spec.model.arch, spec.model.classes, options.text("weights")};
  return open_model(flags, context, spec.seed, options.flag("new_head")).model->state();
}

nlohmann::ordered_json start_json(const Config& config, const FederationSpec& spec,
                                  const Dataset& dataset, const Context& context) {
  return {{"started", utc_time()},
          {"build", build_json()},
          {"machine", machine_json()},
          {"device",
           {{"device", spec.device.str()},
            {"name", context.backend().name()},
            {"precision", config.section("run").text("precision")}}},
          {"data", {{"dataset", dataset.name}, {"hash", dataset.hash}}}};
}

}  // namespace fedcamae
