// fedcamae train: central training of one model.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/talk.h"
#include "core/error.h"
#include "data/loader.h"
#include "fl/train.h"

namespace fedcamae {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_flags(const TrainFlags& f) {
  require_choice("--model", f.model.arch, architecture_names());
  require_choice("--dataset", f.dataset, dataset_names());
  require_choice("--optimizer", f.optimizer, {"sgd", "adam", "adamw"});
  require_choice("--schedule", f.schedule, {"constant", "step", "cosine"});
  if (f.steps.has_value() == f.epochs.has_value())
    fail(ErrorKind::kUsage, "train: give either --steps or --epochs");
  require_range("--steps", static_cast<double>(f.steps.value_or(0)), 0, 1e12);
  require_range("--epochs", static_cast<double>(f.epochs.value_or(0)), 0, 1e9);
  require_range("--batch", static_cast<double>(f.batch), 1, 1e6);
  require_range("--lr", f.lr, 0, 1e6);
  require_range("--momentum", f.momentum, 0, 1);
  require_range("--weight-decay", f.weight_decay, 0, kInfinity);
  require_range("--label-smoothing", f.label_smoothing, 0, 0.999999);
  require_range("--schedule-gamma", f.schedule_gamma, 0, kInfinity);
  require_range("--schedule-every", static_cast<double>(f.schedule_every), 1, 1e12);
  if (f.optimizer != "sgd" && (f.momentum != 0 || f.nesterov))
    fail(ErrorKind::kUsage, "--momentum and --nesterov belong to --optimizer sgd, not {}",
         f.optimizer);
  if (f.nesterov && f.momentum == 0) fail(ErrorKind::kUsage, "--nesterov needs --momentum above 0");
  if (f.new_head && f.model.weights.empty()) fail(ErrorKind::kUsage, "--new-head needs --weights");
}

// `--steps 0` needs nothing of the data but its mean and std, and does without.
Dataset load_training_data(const TrainFlags& f, bool& found) {
  found = true;
  try {
    return load_dataset({.name = f.dataset, .data_dir = f.data_dir, .need_test = false});
  } catch (const Error& error) {
    if (f.steps.value_or(1) != 0 || error.kind() != ErrorKind::kData) throw;
    talk("no data, so no mean and std in the file: {}", error.what());
  }
  found = false;
  Dataset none;
  for (const DatasetInfo& info : datasets())
    if (info.name == f.dataset) none.classes = info.classes;
  return none;
}

BatchLoader make_loader(const TrainFlags& f, const Dataset& data,
                        const Normalization& normalization, Context& context) {
  std::vector<int64_t> indices(static_cast<size_t>(data.train.count()));
  std::iota(indices.begin(), indices.end(), 0);
  LoaderSpec spec;
  spec.batch = f.batch;
  spec.shuffle = !f.no_shuffle;
  if (!f.no_augment) spec.augment = default_augment(f.dataset);
  spec.normalization = normalization;
  spec.seed = static_cast<uint64_t>(f.compute.seed);
  return {data.train, std::move(indices), spec, context};
}

struct Outcome {
  double mean_loss = std::numeric_limits<double>::quiet_NaN();
  int64_t steps = 0;
  bool diverged = false;
};

Outcome train_steps(const TrainFlags& f, Model& model, BatchLoader& loader) {
  TrainSpec spec;
  spec.optimizer = {f.optimizer, f.lr, f.momentum, f.nesterov, f.weight_decay};
  spec.schedule = {f.schedule, f.schedule_gamma, f.schedule_every};
  spec.label_smoothing = static_cast<float>(f.label_smoothing);
  spec.steps = f.steps ? *f.steps : *f.epochs * loader.batches_per_epoch();
  Progress progress("step", spec.steps);
  Outcome outcome;
  note_signals();
  outcome.mean_loss = train(model, loader, spec, [&](const TrainStep& step) {
    outcome.steps = step.step;
    if (f.json) {
      const nlohmann::ordered_json line = {
          {"step", step.step}, {"loss", step.loss}, {"seconds", step.seconds}};
      fmt::print("{}\n", line.dump());
      std::fflush(stdout);
    }
    progress.update(step.step, fmt::format("loss {:.4f}", step.loss));
    outcome.diverged = !std::isfinite(step.loss);
    return !outcome.diverged && noted_signal() == 0;
  });
  progress.finish();
  return outcome;
}

}  // namespace

int train_command(const TrainFlags& f) {
  check_flags(f);
  const std::unique_ptr<Context> context = make_context(f.compute);
  const auto seed = static_cast<uint64_t>(f.compute.seed);
  (void)choose_normalization(f.normalization, {}, {});  // a wrong --mean, before any work
  require_writable_file(f.out);
  require_range("--classes", static_cast<double>(f.model.classes), 1, 1e6);
  bool found = true;
  const Dataset data = load_training_data(f, found);
  if (f.model.classes < data.classes)
    fail(ErrorKind::kUsage, "--classes {} is fewer than the {} classes of {}", f.model.classes,
         data.classes, f.dataset);
  const LoadedModel loaded = open_model(f.model, *context, seed, f.new_head);
  Model& model = *loaded.model;
  const Normalization normalization = choose_normalization(f.normalization, {}, data.normalization);
  Outcome outcome;
  if (f.steps.value_or(1) != 0 && f.epochs.value_or(1) != 0) {
    tell_fallback(fallback_reason(f.compute.device));
    BatchLoader loader = make_loader(f, data, normalization, *context);
    outcome = train_steps(f, model, loader);
  }
  if (outcome.diverged)
    fail(ErrorKind::kDiverged,
         "the loss of step {} is not finite; {} was not written, try a smaller --lr", outcome.steps,
         f.out);
  WeightInfo info{f.model.arch, f.model.classes, found ? data.train.height : 0, {}, {}};
  if (found || !f.normalization.mean.empty()) info.mean = normalization.mean;
  if (found || !f.normalization.std.empty()) info.std = normalization.std;
  save_weights(f.out, model, info);
  if (!f.json) {
    if (outcome.steps > 0)
      fmt::print("{} steps, mean loss {:.4f}\n", outcome.steps, outcome.mean_loss);
    fmt::print("wrote {}\n", f.out);
  }
  if (noted_signal() == 0) return 0;
  talk("interrupted after step {}; {} holds the weights of that step", outcome.steps, f.out);
  return 128 + noted_signal();
}

}  // namespace fedcamae
