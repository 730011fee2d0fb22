// Sums down the rows of a matrix [rows, channels], one per channel: the sums of batch norm, of a
// bias's gradient, of an image's pixels. The rows are cut into pieces; a piece's sums are float32.
// Which thread adds what, and in which order, depends on the shape and the storage type alone.
#pragma once

#include "core/cuda/launch.cuh"
#include "core/cuda/storage.cuh"

namespace fedcamae::cuda {

// Each thread leaves its sums in `shared`, then a tree over the block's y adds them up; those of
// the threads with y == 0 are the block's. Ends with the block in step.
template <int kSums, int kLanes>
__device__ inline void add_up_rows(Values<kLanes> (&sums)[kSums], float* shared) {
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
  for (int i = 0; i < kSums * kLanes; ++i)
    shared[i * kThreads + thread] = sums[i / kLanes].at[i % kLanes];
  for (int half = static_cast<int>(blockDim.y) / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.y) < half) {
      const int other = thread + half * static_cast<int>(blockDim.x);
#pragma unroll
      for (int i = 0; i < kSums * kLanes; ++i)
        shared[i * kThreads + thread] += shared[i * kThreads + other];
    }
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kSums * kLanes; ++i)
    sums[i / kLanes].at[i % kLanes] = shared[i * kThreads + thread];
}

// A block takes kLanes * blockDim.x channels of one piece of the rows (then of the piece a grid's
// height on). Its threads read kLanes neighbouring channels, every blockDim.y-th row, so that warps
// read along the rows of memory. body.start(piece, channel) once a piece, body.add(at, sums) for
// each number's place; finish(piece, channel, sums) by the threads that hold the piece's sums.
template <class A, int kSums, class Body, class Finish>
__global__ void __launch_bounds__(kThreads)
    channel_sums_kernel(Body body, Finish finish, int64_t rows, int64_t piece_rows, int64_t pieces,
                        int64_t channels) {
  __shared__ float shared[kSums * A::kLanes * kThreads];
  const int64_t channel = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * A::kLanes;
  const bool inside = channel < channels;
  for (int64_t piece = blockIdx.y; piece < pieces; piece += gridDim.y) {
    Values<A::kLanes> sums[kSums] = {};
    if (inside) {
      body.start(piece, channel);
      const int64_t end = min((piece + 1) * piece_rows, rows);
#pragma unroll 4
      for (int64_t row = piece * piece_rows + threadIdx.y; row < end; row += blockDim.y)
        body.add(row * channels + channel, sums);
    }
    add_up_rows(sums, shared);
    if (inside && threadIdx.y == 0) finish(piece, channel, sums);
    __syncthreads();  // before the next piece writes to `shared`
  }
}

// How a launch cuts the rows.
struct Pieces {
  dim3 block;
  int64_t piece_rows, count;
  dim3 grid(int64_t channels, int lanes) const {
    const int64_t x = divide_up(channels, static_cast<int64_t>(block.x) * lanes);
    return dim3(static_cast<unsigned>(x),
                static_cast<unsigned>(std::clamp<int64_t>(count, 1, 65535)));
  }
};
// Pieces that keep a large GPU busy, but of at least kRows rows a thread.
template <class T>
Pieces pieces_of_rows(int64_t rows, int64_t channels) {
  constexpr int64_t kRows = 8, kBlocks = 132 * 4;
  const int lanes = channels % kWide<T> == 0 ? kWide<T> : 1;
  const dim3 block = block_over(rows, channels, lanes);
  const int64_t across = divide_up(channels, static_cast<int64_t>(block.x) * lanes);
  const int64_t most = std::max<int64_t>(kBlocks / across, 1);
  const int64_t piece_rows = std::max<int64_t>(divide_up(rows, most), kRows * block.y);
  return {block, piece_rows, divide_up(rows, piece_rows)};
}
// One piece an image.
template <class T>
Pieces pieces_of_images(const Shape& x) {
  const int lanes = x.c() % kWide<T> == 0 ? kWide<T> : 1;
  const int64_t pixels = x.h() * x.w();
  return {block_over(pixels, x.c(), lanes), pixels, x.n()};
}

// Finish: a piece's sums go to partial [pieces, kSums, channels].
template <int kSums>
struct KeepPartial {
  float* partial;
  int64_t channels;
  template <int kLanes>
  __device__ void operator()(int64_t piece, int64_t channel,
                             const Values<kLanes> (&sums)[kSums]) const {
#pragma unroll
    for (int s = 0; s < kSums; ++s)
      store<Access<kLanes, false>>(partial + (piece * kSums + s) * channels + channel, sums[s]);
  }
};

constexpr int kMergeThreads = 1024;  // few channels, many pieces: the most a block can have

// Adds the pieces of partial [pieces, kSums, channels] up in double and calls take(channel, sums).
// A block takes blockDim.x channels; its threads read neighbouring channels of every blockDim.y-th
// piece, and a tree over y adds what they have.
template <int kSums, class Take>
__global__ void __launch_bounds__(kMergeThreads)
    add_pieces_kernel(Take take, const float* partial, int64_t pieces, int64_t channels) {
  __shared__ double shared[kSums * kMergeThreads];
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
  const int64_t channel = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  double sums[kSums] = {};
  if (channel < channels) {
#pragma unroll 4
    for (int64_t piece = threadIdx.y; piece < pieces; piece += blockDim.y)
#pragma unroll
      for (int s = 0; s < kSums; ++s)
        sums[s] += static_cast<double>(partial[(piece * kSums + s) * channels + channel]);
  }
#pragma unroll
  for (int s = 0; s < kSums; ++s) shared[s * kMergeThreads + thread] = sums[s];
  for (int half = static_cast<int>(blockDim.y) / 2; half > 0; half /= 2) {
    __syncthreads();
    if (static_cast<int>(threadIdx.y) < half) {
      const int other = thread + half * static_cast<int>(blockDim.x);
#pragma unroll
      for (int s = 0; s < kSums; ++s)
        shared[s * kMergeThreads + thread] += shared[s * kMergeThreads + other];
    }
  }
  if (threadIdx.y != 0 || channel >= channels) return;
#pragma unroll
  for (int s = 0; s < kSums; ++s) sums[s] = shared[s * kMergeThreads + thread];
  take(channel, sums);
}

template <int kSums, class Take>
void add_pieces(cudaStream_t stream, Take take, const float* partial, int64_t pieces,
                int64_t channels) {
  const int x = power_of_two(channels, 32);
  const dim3 block(static_cast<unsigned>(x),
                   static_cast<unsigned>(power_of_two(pieces, kMergeThreads / x)));
  const auto blocks = static_cast<unsigned>(divide_up(channels, x));
  add_pieces_kernel<kSums><<<blocks, block, 0, stream>>>(take, partial, pieces, channels);
}

}  // namespace fedcamae::cuda
