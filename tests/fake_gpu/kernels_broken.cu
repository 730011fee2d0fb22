// Kernels with one fault each, for the tests of the interpreter. test_ptx.cpp finds the line of the
// fault by the comment "<- " that follows it.
#undef NDEBUG  // assert() is to be seen in every build
#include <cassert>
#include <cstdint>

extern "C" {

__global__ void off_by_one_kernel(float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= n) y[i] = 1;  // <- out of bounds
}

__global__ void no_guard_kernel(const float* x, float* y) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = x[i];  // <- out of bounds
}

__global__ void misaligned_kernel(const float* x, float* y) {
  const float2 v = *reinterpret_cast<const float2*>(x + 1);  // <- misaligned
  y[threadIdx.x] = v.x + v.y;
}

__global__ void no_barrier_kernel(const float* x, float* y) {
  __shared__ float s[64];
  s[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = s[63 - threadIdx.x];  // <- race
}

__global__ void tree_without_barrier_kernel(const float* x, float* y) {
  extern __shared__ float sums[];
  sums[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2)
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];  // <- race
  __syncthreads();
  if (threadIdx.x == 0) y[0] = sums[0];
}

__global__ void one_too_many_kernel(const float* x, float* y) {
  extern __shared__ float sums[];
  sums[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x <= half) sums[threadIdx.x] += sums[threadIdx.x + half];  // <- race
    __syncthreads();
  }
  if (threadIdx.x == 0) y[0] = sums[0];
}

// 32 threads of 64: the block's other warp waits for nobody.
__global__ void divergent_barrier_kernel(float* y) {
  __shared__ float s[64];
  s[threadIdx.x] = 1;
  if (threadIdx.x < 32) __syncthreads();  // <- not every thread
  y[threadIdx.x] = s[threadIdx.x];
}

__global__ void two_barriers_kernel(float* y) {
  if (threadIdx.x < 32) {
    y[threadIdx.x] = 1;
    __syncthreads();
  } else {
    y[threadIdx.x] = 2;
    __syncthreads();  // <- other than that
    y[threadIdx.x] += 1;
  }
}

__global__ void early_return_kernel(float* y, int n) {
  __shared__ float s[64];
  if (threadIdx.x >= n) return;
  s[threadIdx.x] = 1;
  __syncthreads();  // <- not every thread
  y[threadIdx.x] = s[n - 1 - threadIdx.x];
}

__global__ void wrong_mask_kernel(const float* x, float* y) {
  float v = x[threadIdx.x];
  if (threadIdx.x < 16) v += __shfl_down_sync(0xffffu, v, 8);  // <- takes no part
  y[threadIdx.x] = v;
}

__global__ void mask_of_ended_kernel(float* y, int n) {
  if (threadIdx.x >= n) return;
  y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, threadIdx.x, 1);  // <- has ended
}

__global__ void mask_without_me_kernel(int* y) {
  y[threadIdx.x] = __ballot_sync(0x0000ffffu, threadIdx.x < 3);  // <- lacks its own lane
}

__global__ void plain_add_kernel(float* sum, const float* x) {
  *sum += x[blockIdx.x * blockDim.x + threadIdx.x];  // <- race
}

__global__ void blocks_race_kernel(float* y) {
  if (threadIdx.x == 0) y[0] = blockIdx.x;  // <- race
}

// The last thread reads what others wrote; a warp's own order does not help across warps.
__global__ void readers_then_writer_kernel(float* y) {
  __shared__ float s[1];
  if (threadIdx.x == 0) s[0] = 1;
  __syncthreads();
  y[threadIdx.x] = s[0];
  if (threadIdx.x == 63) s[0] = 2;  // <- race
}

__global__ void too_little_shared_kernel(float* y) {
  extern __shared__ float s[];
  s[threadIdx.x] = 1;  // <- outside
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

__global__ void between_arrays_kernel(float* y, int n) {
  __shared__ float a[8], b[8];
  if (threadIdx.x < 8) b[threadIdx.x] = 1;
  __syncthreads();
  if (threadIdx.x < n) a[threadIdx.x] = b[threadIdx.x];  // <- outside
  __syncthreads();
  y[threadIdx.x] = a[threadIdx.x & 7];
}

__global__ void uninitialised_kernel(float* y) {
  __shared__ float s[64];
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

__global__ void endless_kernel(volatile int* y) {
  while (y[0] == 0) {  // <- does not come to an end
  }
}

__global__ void assert_kernel(int n) {
  assert(n < 3);  // <- assertion failed
}

__global__ void divide_kernel(int* y) { y[0] = y[1] / y[2]; }  // <- divides

__global__ void null_kernel(float* y) { y[threadIdx.x] = 1; }  // <- null

__global__ void __launch_bounds__(64) bounded_kernel(float* y) { y[threadIdx.x] = 1; }

}  // extern "C"
