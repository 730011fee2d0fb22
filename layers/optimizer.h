// Optimisers over a model's flat buffers, and learning-rate schedules; PyTorch's exact semantics.
#pragma once

#include <cstdint>
#include <string>

#include "core/ops.h"
#include "core/tensor.h"

namespace fedcamae {

struct OptimizerSpec {
  std::string type = "adam";  // sgd | adam | adamw
  double lr = 1e-3;
  double momentum = 0;    // sgd
  bool nesterov = false;  // sgd; needs momentum > 0
  double weight_decay = 0;
};

class Optimizer {
 public:
  // parameters and gradients: [P] each, the live buffers. Moments start at zero.
  Optimizer(const OptimizerSpec& spec, const Tensor& parameters, const Tensor& gradients);
  void step(double lr);  // one update with this learning rate

 private:
  OptimizerSpec spec_;
  Tensor parameters_, gradients_, first_, second_;
  int64_t steps_ = 0;
};

struct ScheduleSpec {
  std::string type = "constant";  // constant | step | cosine
  double gamma = 0.1;             // step: factor
  int64_t every = 30;             // step: in steps of the schedule's own count
};
// The rate at `step` of `total` (from 0). cosine: lr / 2 * (1 + cos(pi * step / total)).
double learning_rate(const ScheduleSpec& schedule, double lr, int64_t step, int64_t total);

}  // namespace fedcamae
