#include "fl/train.h"

#include <chrono>
#include <limits>

#include "core/profile.h"
#include "models/mode_scope.h"
#include "models/training_step.h"

namespace fedcamae {
namespace {

Batch next_batch(const Context& context, BatchLoader& loader) {
  const ProfilePhase phase(context, "data");
  return loader.next();
}

}  // namespace

double train(Model& model, BatchLoader& loader, const TrainSpec& spec,
             const std::function<bool(const TrainStep&)>& on_step) {
  using Clock = std::chrono::steady_clock;
  const ModeScope mode(model, true);
  Optimizer optimizer(spec.optimizer, model.parameters(), model.gradients());
  double total = 0;
  int64_t done = 0;
  for (bool go = true; go && done < spec.steps; ++done) {
    const auto begin = Clock::now();
    const Batch batch = next_batch(model.context(), loader);
    const double rate = learning_rate(spec.schedule, spec.optimizer.lr, done, spec.steps);
    const double value =
        training_step(model, batch.images, batch.labels, spec.label_smoothing, optimizer, rate);
    total += value;
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    if (on_step) go = on_step({done + 1, value, seconds.count()});
  }
  return done == 0 ? std::numeric_limits<double>::quiet_NaN() : total / static_cast<double>(done);
}

}  // namespace fedcamae
