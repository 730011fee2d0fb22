#include "layers/optimizer.h"

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
    const AdamSpec spec{
        .lr = lr, .weight_decay = spec_.weight_decay, .decoupled = spec_.type == "adamw"};
    ops::adam_step_(spec, steps_, gradients_, parameters_, first_, second_);
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
