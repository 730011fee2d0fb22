// The kernels of this level.
#pragma once

#include "core/cpu/simd/table.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

void rows_panel(const RowsPanel& task);
void rows_panel_pairs(const RowsPanel& task);
void outer_panel(const OuterPanel& task);
void outer_panel_pairs(const OuterPanel& task);
void pack_transposed(const float* from, int64_t from_stride, int64_t columns, int64_t length,
                     float* to);
void pack_rows(const float* from, int64_t from_stride, const int64_t* offsets, int64_t columns,
               int64_t length, float* to);
void pack_tiles(const float* from, const int64_t* offsets, int64_t rows, int64_t steps, float* to);
void pack_runs(const float* from, const int64_t* offsets, int64_t steps, const int64_t* runs,
               int64_t run_count, int64_t length, float* to, int64_t to_stride);
void pack_row_pairs(const uint16_t* from, int64_t from_stride, const int64_t* offsets,
                    int64_t partner, int64_t paired, int64_t columns, int64_t length, float* to);
void pack_tile_pairs(const uint16_t* from, const int64_t* offsets, int64_t partner, int64_t paired,
                     int64_t rows, int64_t steps, float* to);
void round_row(const float* from, int64_t count, uint16_t* to);
void widen_row(const uint16_t* from, int64_t count, float* to);
template <class T>
void norm_moments(const T* x, const float* shift, int64_t rows, int64_t channels, float* sums,
                  float* squares);
template <class T>
void norm_forward(const NormRows<T>& task);
template <class T>
void norm_gradient_sums(const NormRows<T>& task, float* sums, float* products);
template <class T>
void norm_backward(const NormRows<T>& task);
void adam(const AdamStep& task);
double sigmoid_error(const SigmoidError& task);
void sgd(const SgdStep& task);
void squared_distances(const float* a, const float* const* b, int64_t vectors, int64_t count,
                       double* sums);
void medians(const float* const* x, int64_t n, int64_t begin, int64_t end, float* block, float* y);
void trimmed_means(const float* const* x, int64_t n, int64_t trim, int64_t begin, int64_t end,
                   float* block, float* y);
int64_t peak(int64_t repeats, float* sink);

extern const CpuKernels kKernels;

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
