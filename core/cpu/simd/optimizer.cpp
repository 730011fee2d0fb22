// Optimiser steps: one pass over the flat buffers, in the order of operations of PyTorch's
// torch/optim/sgd.py and adam.py.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

namespace {

constexpr int64_t kLine = 16;  // floats of a cache line

// Every vector of a pass is divided by the same number, and a division takes as long as twenty
// other operations. Where there are multiply-adds, five operations with the reciprocal round as the
// division does (Markstein's theorem: the reciprocal is the nearest one, q next to the quotient,
// its remainder exact). Infinity, whose remainder is NaN, stays what it is.
struct Divisor {
  float value, reciprocal;
};

inline __attribute__((always_inline)) float quotient(float a, const Divisor& b) {
#if defined(__FMA__)
  float q = a * b.reciprocal;
  q = __builtin_fmaf(__builtin_fmaf(-q, b.value, a), b.reciprocal, q);
  q = __builtin_fmaf(__builtin_fmaf(-q, b.value, a), b.reciprocal, q);
  return a <= __FLT_MAX__ ? q : a;
#else
  return a / b.value;
#endif
}

inline __attribute__((always_inline)) void adam_range(const AdamStep& t, int64_t begin,
                                                      int64_t end) {
  const float* __restrict grad = t.grad;
  float* __restrict parameter = t.parameter;
  float* __restrict m = t.m;
  float* __restrict v = t.v;
  const Divisor correction{t.root_correction, 1.0f / t.root_correction};
#if !defined(__clang__)
#pragma GCC ivdep  // inlined, the pointers lose their __restrict
#endif
  for (int64_t i = begin; i < end; ++i) {
    const float p = parameter[i] * t.decay;
    const float g = grad[i] + t.weight_decay * p;
    const float first = m[i] * t.beta1 + g * t.one_minus_beta1;
    const float second = v[i] * t.beta2 + g * g * t.one_minus_beta2;
    m[i] = first;
    v[i] = second;
    const float deviation = quotient(__builtin_sqrtf(second), correction) + t.eps;
    parameter[i] = p - t.step_size * (first / deviation);
  }
}

}  // namespace

void adam(const AdamStep& task) {
  const AdamStep t = task;
  int64_t i = 0;
  if (t.ahead != 0)
    for (; i + kLine <= t.count; i += kLine) {
      __builtin_prefetch(t.parameter + t.ahead + i, 0, 2);
      __builtin_prefetch(t.m + t.ahead + i, 0, 2);
      __builtin_prefetch(t.v + t.ahead + i, 0, 2);
      adam_range(t, i, i + kLine);
    }
  adam_range(t, i, t.count);
}

namespace {

template <bool kNesterov>
void momentum_step(const SgdStep& t) {
  const float* __restrict grad = t.grad;
  float* __restrict parameter = t.parameter;
  float* __restrict buffer = t.buffer;
  for (int64_t i = 0; i < t.count; ++i) {
    const float g = grad[i] + t.weight_decay * parameter[i];
    const float later = buffer[i] * t.momentum + g * t.one_minus_dampening;
    buffer[i] = t.first ? g : later;  // the first gradient enters whole
    parameter[i] -= t.lr * (kNesterov ? g + t.momentum * buffer[i] : buffer[i]);
  }
}

}  // namespace

void sgd(const SgdStep& task) {
  const SgdStep t = task;
  if (t.buffer != nullptr) return t.nesterov ? momentum_step<true>(t) : momentum_step<false>(t);
  const float* __restrict grad = t.grad;
  float* __restrict parameter = t.parameter;
  for (int64_t i = 0; i < t.count; ++i)
    parameter[i] -= t.lr * (grad[i] + t.weight_decay * parameter[i]);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
