// Optimisers over a model's flat buffers, and learning-rate schedules; PyTorch's exact semantics.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "autograd/var.h"
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

class Optimizer : private StepSource {
 public:
  // parameters and gradients: [P] each, the live buffers. Moments start at zero.
  Optimizer(const OptimizerSpec& spec, const Tensor& parameters, const Tensor& gradients);
  void step(double lr);  // one update with this learning rate
  // backward(loss) and step(lr), to the same bits. Where the device is quicker so, a weight takes
  // its step within the backward pass; its gradient then reaches no buffer.
  void backward_and_step(const Var& loss, double lr);

 private:
  AdamSpec adam(double lr) const;
  ops::WeightStep step_of(const Tensor& gradient) override;

  OptimizerSpec spec_;
  Tensor parameters_, gradients_, first_, second_;
  int64_t steps_ = 0;
  // Of a backward pass with steps: its rate, and the stretches of the flat buffers that took
  // theirs.
  double lr_ = 0;
  std::vector<std::pair<int64_t, int64_t>> taken_;
};

struct ScheduleSpec {
  std::string type = "constant";  // constant | step | cosine
  double gamma = 0.1;             // step: factor
  int64_t every = 30;             // step: in steps of the schedule's own count
};
// The rate at `step` of `total` (from 0). cosine: lr / 2 * (1 + cos(pi * step / total)).
double learning_rate(const ScheduleSpec& schedule, double lr, int64_t step, int64_t total);

}  // namespace fedcamae
