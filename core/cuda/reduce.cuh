// A sum over vectors that ends as one double on the device.
#pragma once

#include <cstdint>

#include "core/cuda/launch.cuh"
#include "core/cuda/storage.cuh"

namespace fedcamae::cuda {

constexpr int64_t kPiece = 1 << 13;  // numbers that a block sums

struct Square {
  __device__ double operator()(float x) const {
    return static_cast<double>(x) * static_cast<double>(x);
  }
};
struct SquaredDifference {
  __device__ double operator()(float a, float b) const {
    const double d = static_cast<double>(a) - static_cast<double>(b);
    return d * d;
  }
};

// Adds what the threads of a block of kThreads have: a tree, in the same order every time. The
// result is thread 0's.
__device__ inline double add_up_block(double value) {
  __shared__ double shared[kThreads];
  shared[threadIdx.x] = value;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  return shared[threadIdx.x];
}

template <class A, class Term, class... V>
__device__ inline double add_terms(Term term, const V&... x) {
  double sum = 0;
#pragma unroll
  for (int i = 0; i < A::kLanes; ++i) sum += term(x.at[i]...);
  return sum;
}

// sums[piece] = the sum of term(x[i]...) over a piece, a block each. A thread adds four neighbours
// at a time, then those kThreads * 4 on; which numbers are its own does not depend on their
// addresses.
template <class A, class Term, class... X>
__global__ void __launch_bounds__(kThreads)
    sum_pieces_kernel(Term term, int64_t count, double* sums, const X*... x) {
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * kPiece;
  const int64_t end = min(begin + kPiece, count);
  double sum = 0;
#pragma unroll 4
  for (int64_t i = begin + threadIdx.x * A::kLanes; i < end; i += kThreads * A::kLanes) {
    if (i + A::kLanes <= end) {
      sum += add_terms<A>(term, load<A>(x + i)...);
    } else {
      using One = Access<1, true>;
      double rest = 0;
      for (int64_t j = i; j < end; ++j) rest += add_terms<One>(term, load<One>(x + j)...);
      sum += rest;
    }
  }
  sum = add_up_block(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// *total = the sum of `count` numbers; one block, whose threads take every kThreads-th.
static __global__ void __launch_bounds__(kThreads)
    sum_doubles_kernel(const double* sums, int64_t count, double* total) {
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum += sums[i];
  sum = add_up_block(sum);
  if (threadIdx.x == 0) *total = sum;
}

// *total = the sum of term(x[i]...); partial [pieces_of(count)] is scratch.
inline int64_t pieces_of(int64_t count) { return divide_up(count, kPiece); }
template <class Term, class... X>
void launch_sum(cudaStream_t stream, Term term, int64_t count, double* partial, double* total,
                const X*... x) {
  const int64_t pieces = pieces_of(count);
  if (pieces > 0) {
    const auto blocks = static_cast<unsigned>(pieces);
    if (aligned(x...)) {
      sum_pieces_kernel<Access<4, true>>
          <<<blocks, kThreads, 0, stream>>>(term, count, partial, x...);
    } else {
      sum_pieces_kernel<Access<4, false>>
          <<<blocks, kThreads, 0, stream>>>(term, count, partial, x...);
    }
  }
  sum_doubles_kernel<<<1, kThreads, 0, stream>>>(partial, pieces, total);
}

}  // namespace fedcamae::cuda
