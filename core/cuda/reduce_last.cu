// Sums and extremes of rows.
#include "core/cuda/cuda_backend.h"
#include "core/cuda/rows.cuh"

namespace fedcamae::cuda {
namespace {

struct Add {
  __device__ double operator()(double a, double b) const { return a + b; }
};

// y[row] = the sum of a row, in double. Neighbouring threads read neighbouring columns; a thread's
// columns lie blockDim.x apart. So in all kernels of this file.
__global__ void __launch_bounds__(kThreads)
    sum_last_kernel(const float* x, float* y, int64_t rows, int64_t columns) {
  __shared__ double shared[kThreads];
  for_each_row(rows, [&](int64_t row, bool inside) {
    double sum = 0;
    if (inside)
      for (int64_t c = threadIdx.x; c < columns; c += blockDim.x)
        sum += static_cast<double>(x[row * columns + c]);
    sum = merge_row(sum, shared, Add{});
    if (inside && threadIdx.x == 0) y[row] = static_cast<float>(sum);
  });
}

struct Candidate {
  float value;
  int32_t index;
};
// The lower index of equals, the first NaN before all else.
struct Largest {
  __device__ Candidate operator()(Candidate a, Candidate b) const {
    const bool lower = a.index < b.index;
    if (isnan(a.value) || isnan(b.value))
      return isnan(a.value) && (lower || !isnan(b.value)) ? a : b;
    return a.value > b.value || (a.value == b.value && lower) ? a : b;
  }
};

// y[row] = the column of a row's largest number.
__global__ void __launch_bounds__(kThreads)
    argmax_last_kernel(const float* x, int32_t* y, int64_t rows, int64_t columns) {
  __shared__ Candidate shared[kThreads];
  for_each_row(rows, [&](int64_t row, bool inside) {
    // Column 0, which many threads then have: the same candidate twice changes nothing.
    Candidate best = {inside ? x[row * columns] : 0.0f, 0};
    if (inside)
      for (int64_t c = threadIdx.x; c < columns; c += blockDim.x)
        best = Largest{}(best, {x[row * columns + c], static_cast<int32_t>(c)});
    best = merge_row(best, shared, Largest{});
    if (inside && threadIdx.x == 0) y[row] = best.index;
  });
}

struct LowHigh {
  float low, high;
};
// A NaN in the row's first column stays, one elsewhere is passed over: all threads begin with the
// first number, and a NaN loses every comparison.
struct Widen {
  __device__ LowHigh operator()(LowHigh a, LowHigh b) const {
    return {b.low < a.low ? b.low : a.low, b.high > a.high ? b.high : a.high};
  }
};
// The same, but a NaN wins: numpy's rule.
struct WidenOrNan {
  __device__ LowHigh operator()(LowHigh a, LowHigh b) const {
    return {isnan(b.low) || b.low < a.low ? b.low : a.low,
            isnan(b.high) || b.high > a.high ? b.high : a.high};
  }
};

template <class Merge>
__device__ inline LowHigh extremes(const float* x, bool inside, int64_t columns, LowHigh* shared,
                                   const Merge& merge) {
  LowHigh found = {0.0f, 0.0f};
  if (inside) {
    found = {x[0], x[0]};
    for (int64_t c = threadIdx.x; c < columns; c += blockDim.x) found = merge(found, {x[c], x[c]});
  }
  return merge_row(found, shared, merge);
}

__global__ void __launch_bounds__(kThreads)
    minmax_last_kernel(const float* x, float* low, float* high, int64_t rows, int64_t columns) {
  __shared__ LowHigh shared[kThreads];
  for_each_row(rows, [&](int64_t row, bool inside) {
    const LowHigh found = extremes(x + row * columns, inside, columns, shared, Widen{});
    if (!inside || threadIdx.x != 0) return;
    low[row] = found.low;
    high[row] = found.high;
  });
}

// In place: a row's extremes first, then the row once more. The largest number after the
// subtraction is the largest one minus the smallest: rounding keeps the order.
__global__ void __launch_bounds__(kThreads)
    scale_to_unit_last_kernel(float* x, int64_t rows, int64_t columns) {
  __shared__ LowHigh shared[kThreads];
  for_each_row(rows, [&](int64_t row, bool inside) {
    float* values = x + row * columns;
    const LowHigh found = extremes(values, inside, columns, shared, WidenOrNan{});
    if (!inside) return;
    const auto divisor = static_cast<float>(1e-7 + static_cast<double>(found.high - found.low));
    for (int64_t c = threadIdx.x; c < columns; c += blockDim.x)
      values[c] = (values[c] - found.low) / divisor;
  });
}

}  // namespace

void CudaBackend::sum_last(ConstView x, View y) {
  if (y.size() == 0) return;
  const RowGroups groups = row_groups(y.size(), x.shape.back());
  sum_last_kernel<<<groups.grid, groups.block, 0, stream()>>>(x.data, y.data, y.size(),
                                                              x.shape.back());
  launched("sum_last");
}

void CudaBackend::argmax_last(ConstView x, std::span<int32_t> y) {
  if (y.empty()) return;
  const auto rows = static_cast<int64_t>(y.size());
  int32_t* found = scratch_of<int32_t>(rows);
  const RowGroups groups = row_groups(rows, x.shape.back());
  argmax_last_kernel<<<groups.grid, groups.block, 0, stream()>>>(x.data, found, rows,
                                                                 x.shape.back());
  launched("argmax_last");
  read_back(found, y.data(), y.size_bytes());
}

void CudaBackend::minmax_last(ConstView x, View low, View high) {
  if (low.size() == 0) return;
  const RowGroups groups = row_groups(low.size(), x.shape.back());
  minmax_last_kernel<<<groups.grid, groups.block, 0, stream()>>>(x.data, low.data, high.data,
                                                                 low.size(), x.shape.back());
  launched("minmax_last");
}

void CudaBackend::scale_to_unit_last(View x) {
  if (x.size() == 0) return;
  const RowGroups groups = row_groups(x.shape.rows(), x.shape.back());
  scale_to_unit_last_kernel<<<groups.grid, groups.block, 0, stream()>>>(x.data, x.shape.rows(),
                                                                        x.shape.back());
  launched("scale_to_unit_last");
}

}  // namespace fedcamae::cuda
