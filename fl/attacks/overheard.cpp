#include "fl/attacks/overheard.h"

#include <cmath>
#include <numbers>

#include "core/ops.h"

namespace fedcamae {

Overheard::Overheard(const AttackContext& context) : context_(context) {
  for (const ModelState& state : context.overheard)
    if (ops::all_finite(state.parameters) && ops::all_finite(state.statistics))
      states_.push_back(state);
  if (states_.empty()) states_.push_back(context.global);
}

Tensor Overheard::update(size_t i) const {
  Tensor update = states_[i].parameters.to(context_.context);
  ops::axpy_(-1.0f, context_.global.parameters, update);
  return update;
}

Tensor Overheard::mean() const {
  const float share = 1.0f / static_cast<float>(count());
  Tensor mean = Tensor::zeros(context_.context, context_.global.parameters.shape());
  for (size_t i = 0; i < count(); ++i) ops::axpy_(share, update(i), mean);
  return mean;
}

Tensor Overheard::deviation(const Tensor& mean) const {
  const float share = 1.0f / static_cast<float>(count());
  Tensor variance = Tensor::zeros(context_.context, mean.shape());
  for (size_t i = 0; i < count(); ++i) {
    const Tensor difference = update(i);
    ops::axpy_(-1.0f, mean, difference);
    ops::axpy_(share, ops::unary(Unary::kSquare, difference), variance);
  }
  return ops::unary(Unary::kSqrt, variance);
}

Tensor Overheard::weights(const Tensor& update) const {
  Tensor weights = context_.global.parameters.to(context_.context);
  ops::axpy_(1.0f, update, weights);
  return weights;
}

std::vector<double> Overheard::squared_distances(const Tensor& weights) const {
  std::vector<double> distances;
  for (const ModelState& state : states_)
    distances.push_back(ops::squared_distance(weights, state.parameters));
  return distances;
}

ModelState Overheard::with_weights(const Tensor& weights) const {
  const float share = 1.0f / static_cast<float>(count());
  ModelState state{weights, Tensor::zeros(context_.context, context_.global.statistics.shape()),
                   states_[0].counters};
  for (const ModelState& heard : states_) ops::axpy_(share, heard.statistics, state.statistics);
  return state;
}

std::vector<ModelState> Overheard::uploads(const Tensor& weights) const {
  return std::vector<ModelState>(context_.attackers.size(), with_weights(weights));
}

double largest_that(const std::function<bool(double)>& holds) {
  constexpr double kMost = 0x1p100;
  constexpr int kHalvings = 200;  // ends by itself when two neighbouring doubles are reached
  if (!holds(0)) return 0;
  double low = 0, high = 1;
  while (high < kMost && holds(high)) {
    low = high;
    high *= 2;
  }
  if (high >= kMost) return kMost;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

double normal_quantile(double probability) {
  check(probability > 0 && probability < 1, "[normal_quantile] of {}, must be in (0, 1)",
        probability);
  if (probability < 0.5) return -normal_quantile(1 - probability);
  // P(N(0, 1) > z) = erfc(z / sqrt 2) / 2.
  return largest_that(
      [&](double z) { return std::erfc(z / std::numbers::sqrt2) / 2 >= 1 - probability; });
}

}  // namespace fedcamae
