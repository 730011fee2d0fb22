// Kernels launched as a program does it, <<<>>>, through the runtime.
#include <cstdint>
#include <cstdlib>

#include "tests/fake_gpu/test_support.h"

extern "C" __global__ void add_kernel(const float* a, const float* b, float* y, int64_t n);
extern "C" __global__ void off_by_one_kernel(float* y, int n);
extern "C" __global__ void no_barrier_kernel(const float* x, float* y);
extern "C" __global__ void divergent_barrier_kernel(float* y);

namespace fake_gpu::testing {
namespace {

struct Scale {
  double by;
  char padding;
  __device__ float operator()(float x) const { return static_cast<float>(x * by); }
};

template <class F>
__global__ void apply_kernel(const float* x, float* y, int n, F f) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = f(x[i]);
}

__global__ void reverse_kernel(float* x, int n) {
  extern __shared__ float shared[];
  shared[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = shared[n - 1 - threadIdx.x];
}

void synchronize() { cudaDeviceSynchronize(); }

const AddBroken added("launch",
                      {
                          {"off by one", "off_by_one_kernel",
                           [] {
                             const Floats y(100);
                             off_by_one_kernel<<<1, 128>>>(y.get(), 100);
                             synchronize();
                           }},
                          {"the line is named", "kernels_broken.cu:",
                           [] {
                             const Floats y(100);
                             off_by_one_kernel<<<1, 128>>>(y.get(), 100);
                             synchronize();
                           }},
                          {"no barrier", "race",
                           [] {
                             const Floats x(std::vector<float>(64)), y(64);
                             no_barrier_kernel<<<1, 64>>>(x.get(), y.get());
                             synchronize();
                           }},
                          {"a barrier that not all reach", "not every thread",
                           [] {
                             const Floats y(64);
                             divergent_barrier_kernel<<<1, 64>>>(y.get());
                             synchronize();
                           }},
                          {"host pointer", "not device memory",
                           [] {
                             const Floats x(std::vector<float>(64));
                             float y[64];
                             apply_kernel<<<1, 64>>>(x.get(), y, 64, Scale{1, 0});
                             synchronize();
                           }},
                          {"freed before the launch", "freed, once an allocation of 256 bytes",
                           [] {
                             float* y = nullptr;
                             require(cudaMalloc(&y, 256));
                             require(cudaFree(y));
                             apply_kernel<<<1, 64>>>(y, y, 64, Scale{1, 0});
                             synchronize();
                           }},
                          {"nobody waits, nobody asks", "not device memory",
                           [] {
                             float y[64];
                             apply_kernel<<<1, 64>>>(y, y, 64, Scale{1, 0});
                           }},
                          {"two streams without an event",
                           "no event or synchronisation orders the two",
                           [] {
                             const Stream one, two;
                             const Floats x(std::vector<float>(64)), y(64), z(64);
                             apply_kernel<<<1, 64, 0, one>>>(x.get(), y.get(), 64, Scale{1, 0});
                             apply_kernel<<<1, 64, 0, two>>>(y.get(), z.get(), 64, Scale{1, 0});
                             cudaStreamSynchronize(two);
                             cudaStreamSynchronize(one);
                           }},
                          {"too little shared memory", "outside its variables",
                           [] {
                             const Floats x(std::vector<float>(64));
                             reverse_kernel<<<1, 64, 100>>>(x.get(), 64);
                             synchronize();
                           }},
                      });

TEST_CASE("broken: launch") { check_broken("launch"); }

TEST_CASE("arguments are those of the launch, in whatever order the work runs") {
  const Stream stream;
  const std::vector<float> values = whole_numbers(1000, 3);
  const Floats x(values), y(1000), z(1000);
  Scale scale{3, 0};
  apply_kernel<<<4, 256, 0, stream>>>(x.get(), y.get(), 1000, scale);
  scale.by = 5;
  add_kernel<<<2, 128, 0, stream>>>(x.get(), y.get(), z.get(), 1000);
  CHECK(cudaGetLastError() == cudaSuccess);
  const std::vector<float> sums = z.values();
  for (int i = 0; i < 1000; ++i) CHECK(sums[i] == 4 * values[i]);
}

TEST_CASE("launches that a GPU refuses") {
  const Floats x(std::vector<float>(64, 1.0f));
  apply_kernel<<<1, 1025>>>(x.get(), x.get(), 64, Scale{1, 0});
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  apply_kernel<<<0, 64>>>(x.get(), x.get(), 64, Scale{1, 0});
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  reverse_kernel<<<1, 64, 49 * 1024>>>(x.get(), 64);
  CHECK(cudaGetLastError() != cudaSuccess);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(x.values()[63] == 1);
}

TEST_CASE("more shared memory where it was asked for") {
  const std::vector<float> values = whole_numbers(64, 4);
  const Floats x(values);
  CHECK(cudaFuncSetAttribute(reverse_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             228 * 1024) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  require(cudaFuncSetAttribute(reverse_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               100 * 1024));
  reverse_kernel<<<1, 64, 100 * 1024>>>(x.get(), 64);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(x.values()[0] == values[63]);
}

TEST_CASE("what is known of a kernel") {
  cudaFuncAttributes of{};
  require(cudaFuncGetAttributes(&of, no_barrier_kernel));
  CHECK(of.sharedSizeBytes == 256);
  CHECK(of.maxThreadsPerBlock == 1024);
  int blocks = 0;
  require(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, reverse_kernel, 256, 100 * 1024));
  CHECK(blocks == 2);
  CHECK(cudaFuncGetAttributes(&of, reinterpret_cast<const void*>(&std::abort)) ==
        cudaErrorInvalidDeviceFunction);
  cudaGetLastError();
}

}  // namespace
}  // namespace fake_gpu::testing
