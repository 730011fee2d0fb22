// Normal and uniform numbers, the same as core/random.cpp's.
#include <Random123/philox.h>

#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"

namespace fedcamae::cuda {
namespace {

__device__ inline double uniform(uint32_t high, uint32_t low) {  // [0, 1), 53 bits
  const uint64_t bits = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

// A thread makes one Philox block of four words: two uniform numbers, which are a pair of normal
// ones (Box and Muller, 1958) and go to y[2 block] and y[2 block + 1]. sincospi has no slow path
// for large arguments, which would need local memory.
__global__ void __launch_bounds__(kThreads)
    fill_normal_kernel(RandomKey key, double mean, double deviation, float* y, int64_t count) {
  const r123::Philox4x32::key_type seed = {
      {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)}};
  for (int64_t block = thread_index(); 2 * block < count; block += thread_count()) {
    const r123::Philox4x32::ctr_type counter = {
        {static_cast<uint32_t>(block), key.round, key.client, static_cast<uint32_t>(key.purpose)}};
    const auto bits = r123::Philox4x32()(counter, seed);
    const double radius = sqrt(-2.0 * log(1.0 - uniform(bits[0], bits[1])));
    double sine, cosine;
    sincospi(2.0 * uniform(bits[2], bits[3]), &sine, &cosine);
    y[2 * block] = static_cast<float>(mean + deviation * (radius * cosine));
    if (2 * block + 1 < count)
      y[2 * block + 1] = static_cast<float>(mean + deviation * (radius * sine));
  }
}

// A thread makes one Philox block: two uniform numbers, of which the first of all or the last of
// all may lie outside y. Rounded after the product as after the sum, as on the CPU: no fused
// multiply-add.
__global__ void __launch_bounds__(kThreads)
    fill_uniform_kernel(RandomKey key, int64_t first, double low, double range, float* y,
                        int64_t count) {
  const r123::Philox4x32::key_type seed = {
      {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)}};
  const int64_t end = first + count;
  for (int64_t block = first / 2 + thread_index(); 2 * block < end; block += thread_count()) {
    const r123::Philox4x32::ctr_type counter = {
        {static_cast<uint32_t>(block), key.round, key.client, static_cast<uint32_t>(key.purpose)}};
    const auto bits = r123::Philox4x32()(counter, seed);
    const int64_t at = 2 * block;
    if (at >= first)
      y[at - first] =
          static_cast<float>(__dadd_rn(low, __dmul_rn(range, uniform(bits[0], bits[1]))));
    if (at + 1 < end)
      y[at + 1 - first] =
          static_cast<float>(__dadd_rn(low, __dmul_rn(range, uniform(bits[2], bits[3]))));
  }
}

}  // namespace

void CudaBackend::fill_uniform(const RandomKey& key, int64_t first, double low, double high,
                               View y) {
  if (y.size() == 0) return;
  const int64_t blocks = divide_up(first + y.size(), 2) - first / 2;
  check(first / 2 + blocks < int64_t{1} << 32, "[random] a key gives 2^34 numbers, all are used");
  fill_uniform_kernel<<<blocks_for(blocks), kThreads, 0, stream()>>>(key, first, low, high - low,
                                                                     y.data, y.size());
  launched("fill_uniform");
}

void CudaBackend::fill_normal(const RandomKey& key, double mean, double deviation, View y) {
  if (y.size() == 0) return;
  const int64_t blocks = divide_up(y.size(), 2);
  check(blocks < int64_t{1} << 32, "[random] a key gives 2^34 numbers, all are used");
  fill_normal_kernel<<<blocks_for(blocks), kThreads, 0, stream()>>>(key, mean, deviation, y.data,
                                                                    y.size());
  launched("fill_normal");
}

}  // namespace fedcamae::cuda
