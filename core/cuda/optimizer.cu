// Optimiser steps: one pass over the flat buffers, in the order of operations of PyTorch's
// torch/optim/sgd.py and adam.py. What depends on the step alone is computed on the host in double.
#include <cmath>

#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"
#include "core/cuda/storage.cuh"

namespace fedcamae::cuda {
namespace {

struct PlainSgd {
  float lr, weight_decay;

  __device__ void operator()(float grad, float& parameter) const {
    parameter -= lr * (grad + weight_decay * parameter);
  }
};

struct MomentumSgd {
  float lr, momentum, one_minus_dampening, weight_decay;
  bool first;  // the buffer begins as the gradient, whole
  bool nesterov;

  __device__ void operator()(float grad, float& parameter, float& buffer) const {
    const float g = grad + weight_decay * parameter;
    buffer = first ? g : buffer * momentum + g * one_minus_dampening;
    parameter -= lr * (nesterov ? g + momentum * buffer : buffer);
  }
};

struct Adam {
  float decay;         // of the parameter itself: 1 - lr * weight_decay where decoupled, else 1
  float weight_decay;  // added to the gradient; 0 where decoupled
  float beta1, beta2, one_minus_beta1, one_minus_beta2;
  float root_correction;  // sqrt(1 - beta2^t)
  float step_size;        // lr / (1 - beta1^t)
  float eps;

  __device__ void operator()(float grad, float& parameter, float& m, float& v) const {
    const float p = parameter * decay;
    const float g = grad + weight_decay * p;
    m = m * beta1 + g * one_minus_beta1;
    v = v * beta2 + g * g * one_minus_beta2;
    const float deviation = sqrtf(v) / root_correction + eps;
    parameter = p - step_size * (m / deviation);
  }
};

template <class A, class Step, class... State>
__device__ inline void step_lanes(Step step, const float* grad, State*... state) {
  const auto g = load<A>(grad);
  [&](auto... values) {
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) step(g.at[i], values.at[i]...);
    (store<A>(state, values), ...);
  }(load<A>(state)...);
}

// step(grad, state...) for every number: the parameter and what the optimiser keeps of it, read and
// written once. A thread takes kLanes neighbours, then those a grid's width on.
template <class A, class Step, class... State>
__global__ void __launch_bounds__(kThreads)
    step_kernel(Step step, int64_t count, const float* grad, State*... state) {
  for (int64_t i = thread_index() * A::kLanes; i < count; i += thread_count() * A::kLanes) {
    if (i + A::kLanes <= count) {
      step_lanes<A>(step, grad + i, state + i...);
    } else {
      for (int64_t j = i; j < count; ++j) step_lanes<Access<1, true>>(step, grad + j, state + j...);
    }
  }
}

template <class Step, class... State>
void launch_step(cudaStream_t stream, Step step, int64_t count, const float* grad,
                 State*... state) {
  if (count == 0) return;
  constexpr int kLanes = kWide<float>;
  if (aligned(grad, state...)) {
    step_kernel<Access<kLanes, true>>
        <<<blocks_for(divide_up(count, kLanes)), kThreads, 0, stream>>>(step, count, grad,
                                                                        state...);
  } else {
    step_kernel<Access<1, true>>
        <<<blocks_for(count), kThreads, 0, stream>>>(step, count, grad, state...);
  }
}

}  // namespace

void CudaBackend::sgd_step(const SgdSpec& spec, int64_t step, ConstView grad, View parameter,
                           View momentum) {
  const auto lr = static_cast<float>(spec.lr);
  const auto weight_decay = static_cast<float>(spec.weight_decay);
  if (spec.momentum != 0) {
    const MomentumSgd sgd{.lr = lr,
                          .momentum = static_cast<float>(spec.momentum),
                          .one_minus_dampening = static_cast<float>(1.0 - spec.dampening),
                          .weight_decay = weight_decay,
                          .first = step == 1,
                          .nesterov = spec.nesterov};
    launch_step(stream(), sgd, parameter.size(), grad.data, parameter.data, momentum.data);
  } else {
    launch_step(stream(), PlainSgd{lr, weight_decay}, parameter.size(), grad.data, parameter.data);
  }
  launched("sgd_step");
}

void CudaBackend::adam_step(const AdamSpec& spec, int64_t step, ConstView grad, View parameter,
                            View m, View v) {
  const double t = static_cast<double>(step);
  const Adam adam{
      .decay = spec.decoupled ? static_cast<float>(1.0 - spec.lr * spec.weight_decay) : 1.0f,
      .weight_decay = spec.decoupled ? 0.0f : static_cast<float>(spec.weight_decay),
      .beta1 = static_cast<float>(spec.beta1),
      .beta2 = static_cast<float>(spec.beta2),
      .one_minus_beta1 = static_cast<float>(1.0 - spec.beta1),
      .one_minus_beta2 = static_cast<float>(1.0 - spec.beta2),
      .root_correction = static_cast<float>(std::sqrt(1.0 - std::pow(spec.beta2, t))),
      .step_size = static_cast<float>(spec.lr / (1.0 - std::pow(spec.beta1, t))),
      .eps = static_cast<float>(spec.eps)};
  launch_step(stream(), adam, parameter.size(), grad.data, parameter.data, m.data, v.data);
  launched("adam_step");
}

}  // namespace fedcamae::cuda
