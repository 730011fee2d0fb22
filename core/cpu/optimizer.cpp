#include <cmath>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {

void CpuBackend::sgd_step(const SgdSpec& spec, int64_t step, ConstView grad, View parameter,
                          View momentum) {
  const bool has_momentum = spec.momentum != 0;
  in_ranges(threads_, parameter.size(), [&](int64_t begin, int64_t end) {
    SgdStep task{};
    task.count = end - begin;
    task.grad = grad.data + begin;
    task.parameter = parameter.data + begin;
    task.buffer = has_momentum ? momentum.data + begin : nullptr;
    task.lr = static_cast<float>(spec.lr);
    task.momentum = static_cast<float>(spec.momentum);
    task.one_minus_dampening = static_cast<float>(1.0 - spec.dampening);
    task.weight_decay = static_cast<float>(spec.weight_decay);
    task.first = step == 1;
    task.nesterov = spec.nesterov;
    cpu_kernels().sgd(task);
  });
}

AdamStep adam_step_of(const AdamUpdate& update, const float* grad) {
  const AdamSpec& spec = update.spec;
  const double t = static_cast<double>(update.step);
  AdamStep whole{};
  whole.decay = spec.decoupled ? static_cast<float>(1.0 - spec.lr * spec.weight_decay) : 1.0f;
  whole.weight_decay = spec.decoupled ? 0.0f : static_cast<float>(spec.weight_decay);
  whole.beta1 = static_cast<float>(spec.beta1);
  whole.beta2 = static_cast<float>(spec.beta2);
  whole.one_minus_beta1 = static_cast<float>(1.0 - spec.beta1);
  whole.one_minus_beta2 = static_cast<float>(1.0 - spec.beta2);
  whole.root_correction = static_cast<float>(std::sqrt(1.0 - std::pow(spec.beta2, t)));
  whole.step_size = static_cast<float>(spec.lr / (1.0 - std::pow(spec.beta1, t)));
  whole.eps = static_cast<float>(spec.eps);
  whole.count = update.parameter.size();
  whole.grad = grad;
  whole.parameter = update.parameter.data;
  whole.m = update.m.data;
  whole.v = update.v.data;
  return whole;
}

AdamStep part_of(AdamStep whole, int64_t begin, int64_t count, const float* grad) {
  whole.count = count;
  whole.grad = grad;
  whole.parameter += begin;
  whole.m += begin;
  whole.v += begin;
  return whole;
}

void CpuBackend::adam_step(const AdamSpec& spec, int64_t step, ConstView grad, View parameter,
                           View m, View v) {
  const AdamStep whole = adam_step_of({spec, step, parameter, m, v}, grad.data);
  in_ranges(threads_, parameter.size(), [&](int64_t begin, int64_t end) {
    cpu_kernels().adam(part_of(whole, begin, end - begin, grad.data + begin));
  });
}

}  // namespace fedcamae::cpu
