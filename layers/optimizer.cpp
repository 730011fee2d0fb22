#include "layers/optimizer.h"

#include <algorithm>
#include <cmath>

namespace fedcamae {

Optimizer::Optimizer(const OptimizerSpec& spec, const Tensor& parameters, const Tensor& gradients)
    : spec_(spec), parameters_(parameters), gradients_(gradients) {
  const bool sgd = spec.type == "sgd";
  if (!sgd && spec.type != "adam" && spec.type != "adamw")
    fail(ErrorKind::kUsage, "optimizer: '{}' is not sgd, adam or adamw", spec.type);
  if (sgd && spec.nesterov && spec.momentum <= 0)
    fail(ErrorKind::kUsage, "optimizer: nesterov needs a momentum above 0, got {}", spec.momentum);
  // Written so that NaN is refused too.
  if (!(spec.momentum >= 0 && spec.weight_decay >= 0))
    fail(ErrorKind::kUsage, "optimizer: momentum and weight decay are not negative, got {} and {}",
         spec.momentum, spec.weight_decay);
  check(parameters.shape() == gradients.shape(), "[optimizer] parameters are {}, gradients {}",
        parameters.shape(), gradients.shape());
  if (!sgd || spec.momentum != 0) first_ = Tensor::zeros(parameters.context(), parameters.shape());
  if (!sgd) second_ = Tensor::zeros(parameters.context(), parameters.shape());
}

void Optimizer::step(double lr) {
  ++steps_;
  if (spec_.type == "sgd") {
    const SgdSpec spec{.lr = lr,
                       .momentum = spec_.momentum,
                       .weight_decay = spec_.weight_decay,
                       .nesterov = spec_.nesterov};
    ops::sgd_step_(spec, steps_, gradients_, parameters_, first_);
  } else {
    ops::adam_step_(adam(lr), steps_, gradients_, parameters_, first_, second_);
  }
}

AdamSpec Optimizer::adam(double lr) const {
  return {.lr = lr, .weight_decay = spec_.weight_decay, .decoupled = spec_.type == "adamw"};
}

ops::WeightStep Optimizer::step_of(const Tensor& gradient) {
  const int64_t begin = gradient.data() - gradients_.data();
  taken_.emplace_back(begin, begin + gradient.size());
  const auto window = [&](const Tensor& flat) { return flat.window(begin, gradient.shape()); };
  return {adam(lr_), steps_, gradient, window(parameters_), window(first_), window(second_)};
}

void Optimizer::backward_and_step(const Var& loss, double lr) {
  if (spec_.type == "sgd" || !parameters_.context().backend().steps_in_products()) {
    backward(loss);
    return step(lr);
  }
  ++steps_;
  lr_ = lr;
  taken_.clear();
  backward(loss, this);
  std::sort(taken_.begin(), taken_.end());
  taken_.emplace_back(parameters_.size(), parameters_.size());
  int64_t done = 0;
  for (const auto& [begin, end] : taken_) {
    const auto rest = [&, first = done, count = begin - done](const Tensor& flat) {
      return flat.window(first, {count});
    };
    if (begin > done)
      ops::adam_step_(adam(lr), steps_, rest(gradients_), rest(parameters_), rest(first_),
                      rest(second_));
    done = end;
  }
}

double learning_rate(const ScheduleSpec& schedule, double lr, int64_t step, int64_t total) {
  if (schedule.type == "constant") return lr;
  if (schedule.type == "step") {
    if (schedule.every <= 0)
      fail(ErrorKind::kUsage, "schedule: step's 'every' is above 0, got {}", schedule.every);
    const int64_t factors = step / schedule.every;
    return lr * std::pow(schedule.gamma, static_cast<double>(factors));
  }
  if (schedule.type == "cosine") {
    if (total <= 0)
      fail(ErrorKind::kUsage, "schedule: cosine needs the number of steps, got {}", total);
    const double done = static_cast<double>(step) / static_cast<double>(total);
    return lr / 2 * (1 + std::cos(M_PI * done));
  }
  fail(ErrorKind::kUsage, "schedule: '{}' is not constant, step or cosine", schedule.type);
}

}  // namespace fedcamae
