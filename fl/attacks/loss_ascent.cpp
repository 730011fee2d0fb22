#include "fl/attacks/loss_ascent.h"

#include <cmath>

#include "autograd/functions.h"
#include "core/ops.h"
#include "core/random.h"
#include "data/loader.h"

namespace fedcamae {

namespace {

// d loss / d parameters of `state`, evaluated, on a batch: the model's gradient buffer.
const Tensor& loss_gradient(Model& model, const ModelState& state, const Batch& batch) {
  const BorrowedState borrowed(model, state);
  backward(softmax_cross_entropy(model.forward(batch.images), batch.labels));
  return model.gradients();
}

// What the server would hold next if it averaged.
ModelState next_global(const AttackContext& context, const ModelState& mean,
                       const Tensor& weights) {
  const double bad = static_cast<double>(context.attackers.size());
  const double all = static_cast<double>(context.overheard.size()) + bad;
  ModelState next{mean.parameters.clone(), mean.statistics, mean.counters};
  ops::scale_(static_cast<float>(1 - bad / all), next.parameters);
  ops::axpy_(static_cast<float>(bad / all), weights, next.parameters);
  return next;
}

// weights = mean + factor (weights - mean)
void pull_(double factor, const Tensor& mean, const Tensor& weights) {
  ops::scale_(static_cast<float>(factor), weights);
  ops::axpy_(static_cast<float>(1 - factor), mean, weights);
}

}  // namespace

void ascend_loss_(const AttackContext& context, const BenignMean& benign,
                  const LossAscentSpec& spec, Random& random, const Tensor& start) {
  check(context.images != nullptr && context.model != nullptr,
        "[ascend_loss] the attack did not declare that it uses images");
  const Tensor& mean = benign.state.parameters;
  const int64_t held = context.images->count();
  double multiplier = spec.dual.multiplier;
  double distance = std::sqrt(ops::squared_distance(start, mean));
  for (int64_t step = 0; held > 0 && benign.bound > 0 && step < spec.dual.steps; ++step) {
    const std::vector<int64_t> chosen = random.choose(held, std::min(held, spec.batch));
    const Batch batch = make_batch(*context.images, chosen, 0, static_cast<int64_t>(chosen.size()),
                                   context.normalization, context.context);
    const Tensor& gradient =
        loss_gradient(*context.model, next_global(context, benign.state, start), batch);
    const double size = ops::norm(gradient), move = spec.dual.step * benign.bound;
    if (!std::isfinite(size)) break;
    if (distance > 0) pull_(1 - move * multiplier / distance, mean, start);
    if (size > 0) ops::axpy_(static_cast<float>(move / size), gradient, start);
    distance = std::sqrt(ops::squared_distance(start, mean));
    multiplier = ascended(multiplier, spec.dual.dual_step, distance / benign.bound);
  }
  const double factor = projection(distance, benign.bound);
  if (factor != 1) pull_(factor, mean, start);
}

}  // namespace fedcamae
