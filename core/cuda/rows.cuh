// Reductions along the last dimension: rows of numbers, each by a group of threads of one block.
#pragma once

#include "core/cuda/launch.cuh"

namespace fedcamae::cuda {

// x: the threads of a row, y: the rows of a block.
struct RowGroups {
  dim3 grid, block;
};
inline RowGroups row_groups(int64_t rows, int64_t columns) {
  const int x = power_of_two(columns, kThreads);
  const int y = power_of_two(rows, kThreads / x);
  const int64_t blocks = std::clamp<int64_t>(divide_up(rows, y), 1, kMostBlocks);
  return {dim3(static_cast<unsigned>(blocks)),
          dim3(static_cast<unsigned>(x), static_cast<unsigned>(y))};
}

// Merges what a row's threads have, merge(mine, other) in the same tree every time; every thread of
// the row gets the result. All threads of the block call it together; `shared` [kThreads] may be
// used again at once.
template <class T, class Merge>
__device__ inline T merge_row(T value, T* shared, const Merge& merge) {
  T* const row = shared + threadIdx.y * blockDim.x;
  row[threadIdx.x] = value;
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) row[threadIdx.x] = merge(row[threadIdx.x], row[threadIdx.x + half]);
  }
  __syncthreads();
  const T result = row[0];
  __syncthreads();
  return result;
}

// f(row, inside) once for every row of a group, for all threads of the block equally often:
// merge_row inside it meets them all. inside: the row exists.
template <class F>
__device__ inline void for_each_row(int64_t rows, const F& f) {
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.y; first < rows;
       first += static_cast<int64_t>(gridDim.x) * blockDim.y) {
    const int64_t row = first + threadIdx.y;
    f(row, row < rows);
  }
}

}  // namespace fedcamae::cuda
