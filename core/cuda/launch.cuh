// Shapes of launches. Grids are bounded by the data and by what fills a large GPU; where the data
// is more, threads walk on by the size of the grid.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

namespace fedcamae::cuda {

constexpr int kThreads = 256;  // of a block, at most
// Blocks of kThreads that fill 132 multiprocessors (an H100) twice over. The same on every GPU, so
// that sums are split alike.
constexpr int64_t kMostBlocks = 132 * 8 * 2;

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
// The smallest power of two that is at least n, but at most `most`, itself a power of two.
constexpr int power_of_two(int64_t n, int most) {
  int power = 1;
  while (power < n && power < most) power *= 2;
  return power;
}
inline unsigned blocks_for(int64_t threads) {
  return static_cast<unsigned>(std::clamp<int64_t>(divide_up(threads, kThreads), 1, kMostBlocks));
}

__device__ inline int64_t thread_index() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t thread_count() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

// A block over a matrix [rows, channels]: x along the channels, `lanes` of them a thread, so that a
// warp reads on without a gap; y along the rows. Both sides are powers of two.
inline dim3 block_over(int64_t rows, int64_t channels, int lanes) {
  constexpr int kAcross = 32;  // a warp's width: longer rows take more blocks
  const int x = power_of_two(divide_up(channels, lanes), kAcross);
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(power_of_two(rows, kThreads / x)));
}
// Blocks along the channels, and along the rows as many as it takes, up to kMostBlocks in all.
inline dim3 grid_over(int64_t rows, int64_t channels, int lanes, dim3 block) {
  constexpr int64_t kLongest = 65535;  // of a grid's y
  const int64_t x = divide_up(channels, static_cast<int64_t>(block.x) * lanes);
  const int64_t most = std::clamp<int64_t>(kMostBlocks / x, 1, kLongest);
  return dim3(static_cast<unsigned>(x),
              static_cast<unsigned>(std::clamp<int64_t>(divide_up(rows, block.y), 1, most)));
}
// A thread's place in that: its first channel, its first row, and how far apart its rows are.
struct Place {
  int64_t channel, row, step;
};
__device__ inline Place place_over(int lanes) {
  return {(static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * lanes,
          static_cast<int64_t>(blockIdx.y) * blockDim.y + threadIdx.y,
          static_cast<int64_t>(gridDim.y) * blockDim.y};
}

}  // namespace fedcamae::cuda
