// Matrix products and convolutions of the CPU backend, and the SIMD table they run on.
//
// All of them are one idea: rows of pixels (or of a matrix) against panels of packed columns, a
// tile of C held in registers. Outputs are overwritten unless a spec says otherwise. Every output
// element is summed by one thread in an order that does not depend on `threads`.
//
// Scratch: each calling and each OpenMP thread keeps its packing buffers, which grow to the
// largest panel met and are kept; plans of convolutions are kept by shape (core/cpu/conv_plan.h).
#pragma once

#include "core/backend.h"
#include "core/cpu/simd/table.h"

namespace fedcamae::cpu {

// The table of the level chosen at first use: the best of this machine, or the one named by
// FEDCAMAE_ISA. Throws Error{kUsage} where that names no level or one this machine lacks.
const CpuKernels& cpu_kernels();
// Columns of a panel in whole vectors of the chosen level.
inline int64_t padded_columns(int64_t columns) {
  const int64_t vector = cpu_kernels().vector;
  return (columns + vector - 1) / vector * vector;
}
// What cpu_kernels chooses where FEDCAMAE_ISA is `wanted`; nullptr and "": not set.
const CpuKernels& choose_cpu_kernels(const char* wanted);
// A level by name, nullptr where this machine or this build lacks it.
const CpuKernels* find_cpu_kernels(const char* name);
// Replaces the chosen table until destroyed: for tests of every level.
class ScopedCpuKernels {
 public:
  explicit ScopedCpuKernels(const CpuKernels& kernels);
  ~ScopedCpuKernels();
  ScopedCpuKernels(const ScopedCpuKernels&) = delete;
  ScopedCpuKernels& operator=(const ScopedCpuKernels&) = delete;

 private:
  const CpuKernels* before_;
};

// c [M, N] (+)= op(a) [M, K] * op(b) [K, N].
void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c, int threads);
// Whether the gradient of such a weight and its Adam step can be one pass: few pixels, whole
// vectors of channels. Where they can, the step is taken, to the bits of conv2d_backward_weight and
// adam.
bool weight_step(ConstView dy, ConstView x, const ConvSpec& spec, const AdamUpdate& update,
                 int threads);
// For a gradient at `grad`; bias corrections and step size in double, as PyTorch's Python has them.
AdamStep adam_step_of(const AdamUpdate& update, const float* grad);
// The part of a step on `count` numbers from `begin` on, whose gradient is at `grad`.
AdamStep part_of(AdamStep whole, int64_t begin, int64_t count, const float* grad);

// x [N, H, W, C], w [K, R, S, C / groups], y and dy [N, OH, OW, K].
void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y, int threads);
void conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx, int threads);
void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw, int threads);

}  // namespace fedcamae::cpu
