// Kernels without fault, for the tests of the interpreter: one of each kind of code.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "tests/fake_gpu/kernel_bodies.h"

namespace {

__device__ float warp_sum(float v) {
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_down_sync(0xffffffffu, v, offset);
  return v;
}

__constant__ float kTable[4] = {1, 2, 4, 8};
__device__ int counter = 5;
__device__ int* counter_pointer = &counter;

}  // namespace

extern "C" {

__global__ void add_kernel(const float* a, const float* b, float* y, int64_t n) {
  for (int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; i < n;
       i += int64_t{gridDim.x} * blockDim.x)
    y[i] = a[i] + b[i];
}

// One block a row.
__global__ void softmax_kernel(const float* x, float* y, int columns) {
  __shared__ float part[32];
  const float* row = x + int64_t{blockIdx.x} * columns;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  float top = -INFINITY;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) top = fmaxf(top, row[c]);
  for (int offset = 16; offset > 0; offset /= 2)
    top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, offset));
  if (lane == 0) part[warp] = top;
  __syncthreads();
  for (int w = 0; w < warps; ++w) top = fmaxf(top, part[w]);
  __syncthreads();
  float sum = 0;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) sum += expf(row[c] - top);
  sum = warp_sum(sum);
  if (lane == 0) part[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int w = 0; w < warps; ++w) sum += part[w];
  for (int c = threadIdx.x; c < columns; c += blockDim.x)
    y[int64_t{blockIdx.x} * columns + c] = expf(row[c] - top) / sum;
}

__global__ void adam_kernel(bodies::AdamStep s, const float* g, float* w, float* m, float* v,
                            int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) bodies::adam(s, g[i], w[i], m[i], v[i]);
}

__global__ void transpose_kernel(const float* x, float* y, int rows, int columns) {
  __shared__ float tile[16][17];
  int c = blockIdx.x * 16 + threadIdx.x, r = blockIdx.y * 16 + threadIdx.y;
  if (r < rows && c < columns) tile[threadIdx.y][threadIdx.x] = x[r * columns + c];
  __syncthreads();
  c = blockIdx.y * 16 + threadIdx.x;
  r = blockIdx.x * 16 + threadIdx.y;
  if (r < columns && c < rows) y[r * rows + c] = tile[threadIdx.x][threadIdx.y];
}

__global__ void tree_sum_kernel(const float* x, float* y, int n) {
  extern __shared__ float sums[];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  sums[threadIdx.x] = i < n ? x[i] : 0;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = sums[0];
}

// The last steps within one warp, ordered by __syncwarp() alone.
__global__ void warp_tree_kernel(const float* x, float* y) {
  __shared__ float sums[32];
  const int lane = threadIdx.x;
  sums[lane] = x[lane];
  __syncwarp();
  for (int half = 16; half > 0; half /= 2) {
    float more = 0;
    if (lane < half) more = sums[lane + half];
    __syncwarp();
    if (lane < half) sums[lane] += more;
    __syncwarp();
  }
  if (lane == 0) y[0] = sums[0];
}

// Mean and squared distance of all, from those of each thread: Welford's merge.
__global__ void welford_kernel(const float* x, double* y, int n) {
  __shared__ double means[256], squares[256], counts[256];
  double mean = 0, square = 0, count = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) {
    count += 1;
    const double delta = x[i] - mean;
    mean += delta / count;
    square += delta * (x[i] - mean);
  }
  const int t = threadIdx.x;
  means[t] = mean, squares[t] = square, counts[t] = count;
  __syncthreads();
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    if (t < half && counts[t + half] > 0) {
      const double total = counts[t] + counts[t + half];
      const double delta = means[t + half] - means[t];
      means[t] += delta * counts[t + half] / total;
      squares[t] += squares[t + half] + delta * delta * counts[t] * counts[t + half] / total;
      counts[t] = total;
    }
    __syncthreads();
  }
  if (t == 0) y[0] = means[0], y[1] = squares[0];
}

__global__ void normal_kernel(double* y, int pairs) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= pairs) return;
  const bodies::Philox x = bodies::philox({{static_cast<uint32_t>(i), 1, 2, 3}}, 17, 19);
  bodies::box_muller(x, y[2 * i], y[2 * i + 1]);
}

// Neighbours write halves of one word.
__global__ void bfloat16_kernel(const float* x, uint16_t* narrow, float* back, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  narrow[i] = bodies::to_bfloat16(x[i]);
  back[i] = bodies::from_bfloat16(narrow[i]);
}

__global__ void bytes_kernel(const float* x, int8_t* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = static_cast<int8_t>(rintf(x[i] * 10));
}

__global__ void float4_kernel(const float4* x, float4* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float4 v = x[i];
  y[i] = make_float4(v.w, 2 * v.x, v.y + v.z, kTable[i & 3]);
}

__global__ void atomics_kernel(const int* x, int* counts, float* sum, int* most, unsigned* turns,
                               unsigned long long* wide, double* exact, int n) {
  __shared__ int local[8];
  if (threadIdx.x < 8) local[threadIdx.x] = 0;
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    atomicAdd(&local[x[i] & 7], 1);
    atomicAdd(sum, static_cast<float>(x[i]));
    atomicMax(most, x[i]);
    atomicInc(turns, 9);
    atomicAdd(wide, static_cast<unsigned long long>(x[i]) << 33);
    atomicAdd(exact, 0.5 * x[i]);
    int seen = *static_cast<volatile int*>(counts + 8), old;
    do {  // counts[8] becomes the xor of all
      old = seen;
      seen = atomicCAS(counts + 8, old, old ^ x[i]);
    } while (seen != old);
  }
  __syncthreads();
  if (threadIdx.x < 8) atomicAdd(&counts[threadIdx.x], local[threadIdx.x]);
}

__global__ void integers_kernel(const int64_t* a, const int64_t* b, int64_t* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) bodies::integers(a[i], b[i], out + i * bodies::kIntegers);
}
__global__ void floats_kernel(const float* x, float* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) bodies::floats(x[i], out + i * bodies::kFloats);
}
__global__ void doubles_kernel(const double* x, double* out, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) bodies::doubles(x[i], out + i * bodies::kDoubles);
}
__global__ void switch_kernel(int* y) { y[threadIdx.x] = bodies::chosen(threadIdx.x); }

__global__ void bits_kernel(const unsigned* x, unsigned* y) {
  const unsigned a = x[threadIdx.x], b = x[threadIdx.x ^ 1];
  unsigned* out = y + 10 * threadIdx.x;
  out[0] = __popc(a);
  out[1] = __clz(a);
  out[2] = __brev(a);
  out[3] = __ffs(a);
  out[4] = __umulhi(a, b);
  out[5] = __byte_perm(a, b, 0x2537);
  out[6] = __funnelshift_l(a, b, 9);
  out[7] = __funnelshift_r(a, b, 9);
  out[8] = (a >> 5) & 0xfff;
  out[9] = (a & 0xffff00ffu) | ((b & 0xffu) << 8);
}

// Six words for each of 64 threads.
__global__ void together_kernel(unsigned* y) {
  const unsigned t = threadIdx.x, full = 0xffffffffu;
  unsigned* out = y + 6 * t;
  out[0] = __ballot_sync(full, t % 3 == 0);
  out[1] = __any_sync(full, t == 40) * 2 + __all_sync(full, t < 32);
  out[2] = __syncthreads_count(t % 5 == 0);
  out[3] = __syncthreads_or(t == 63) * 2 + __syncthreads_and(t < 63);
  out[4] = __match_any_sync(full, t / 4);
  unsigned sum = t;
#if __CUDA_ARCH__ >= 800
  sum = __reduce_add_sync(full, t);
#else
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(full, sum, offset);
#endif
  out[5] = sum;
  // Two halves of a warp, each on its own; shuffles of width 8.
  if (t % 32 < 16) {
    out[5] += __shfl_sync(0xffffu, t, 3, 8);
  } else {
    out[5] += __shfl_up_sync(0xffff0000u, t, 1, 8);
  }
}

// Two of three warps meet at a barrier of their own.
__global__ void named_barrier_kernel(unsigned* y) {
  __shared__ unsigned s[64];
  if (threadIdx.x < 64) {
    s[threadIdx.x] = threadIdx.x;
    asm volatile("bar.sync 1, 64;" ::: "memory");
    y[threadIdx.x] = s[63 - threadIdx.x];
  }
}

__global__ void local_array_kernel(const int* order, float* y) {
  float values[16];
  for (int k = 0; k < 16; ++k) values[k] = k * 1.5f;
  float sum = 0;
  for (int k = 0; k < 16; ++k) {
    values[order[k]] += sum;
    sum += values[order[(k + 5) & 15]];
  }
  y[threadIdx.x] = sum + *counter_pointer;
}

__device__ __noinline__ int fibonacci(int n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}
__global__ void recursion_kernel(int* y) { y[threadIdx.x] = fibonacci(threadIdx.x); }

__global__ void halves_kernel(const float* x, float* y) {
  const float v = x[threadIdx.x];
  float* out = y + 6 * threadIdx.x;
  const __half h = __float2half(v);
  out[0] = __half2float(__hadd(h, __float2half(0.5f)));
  out[1] = __half2float(__hmul(h, h));
  const __nv_bfloat16 b = __float2bfloat16(v);
  out[2] = __bfloat162float(b);
  out[3] = __bfloat162float(__hadd(b, __float2bfloat16(0.25f)));
  const __half2 two =
      __hfma2(__floats2half2_rn(v, 1), __floats2half2_rn(2, 3), __floats2half2_rn(1, v));
  out[4] = __low2float(two);
  out[5] = __hgt(h, __float2half(0)) ? 1 : 0;
}

}  // extern "C"

// The same for all types that an element may have.
template <class T>
__global__ void scale_kernel(const T* x, T* y, T by, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * by;
}
template __global__ void scale_kernel(const float*, float*, float, int);
template __global__ void scale_kernel(const double*, double*, double, int);
template __global__ void scale_kernel(const short*, short*, short, int);
