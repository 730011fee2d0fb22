// The kernels of this level.
#pragma once

#include "core/cpu/simd/table.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

void rows_panel(const RowsPanel& task);
void outer_panel(const OuterPanel& task);
void pack_transposed(const float* from, int64_t from_stride, int64_t columns, int64_t length,
                     float* to);
void pack_rows(const float* from, int64_t from_stride, const int64_t* offsets, int64_t columns,
               int64_t length, float* to);
void pack_tiles(const float* from, const int64_t* offsets, int64_t rows, int64_t steps, float* to);
void pack_runs(const float* from, const int64_t* offsets, int64_t steps, const int64_t* runs,
               int64_t run_count, int64_t length, float* to, int64_t to_stride);
void norm_moments(const float* x, const float* shift, int64_t rows, int64_t channels, float* sums,
                  float* squares);
void norm_forward(const NormRows& task);
void norm_gradient_sums(const NormRows& task, float* sums, float* products);
void norm_backward(const NormRows& task);
void adam(const AdamStep& task);
void sgd(const SgdStep& task);
void squared_distances(const float* a, const float* const* b, int64_t vectors, int64_t count,
                       double* sums);
int64_t peak(int64_t repeats, float* sink);

extern const CpuKernels kKernels;

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
