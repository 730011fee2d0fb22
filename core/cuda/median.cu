// Medians and trimmed means over many vectors: a thread takes a column, then that a grid's width
// on; neighbouring threads read neighbouring columns, again and again out of the cache.
#include "core/median.h"

#include <vector>

#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"
#include "core/trimmed_mean.h"

namespace fedcamae::cuda {
namespace {

__global__ void __launch_bounds__(kThreads)
    median_kernel(const float* const* vectors, int64_t n, int64_t columns, float* y) {
  for (int64_t j = thread_index(); j < columns; j += thread_count())
    y[j] = median::of(n, [=](int64_t i) { return vectors[i][j]; });
}

__global__ void __launch_bounds__(kThreads)
    trimmed_mean_kernel(const float* const* vectors, int64_t n, int64_t trim, int64_t columns,
                        float* y) {
  for (int64_t j = thread_index(); j < columns; j += thread_count())
    y[j] = trimmed_mean::of(n, trim, [=](int64_t i) { return vectors[i][j]; });
}

}  // namespace

const float* const* CudaBackend::pointers_to(std::span<const ConstView> vectors) {
  std::vector<const float*> data;
  for (const ConstView& vector : vectors) data.push_back(vector.data);
  auto* pointers = scratch_of<const float*>(static_cast<int64_t>(data.size()));
  copy_from_host(pointers, data.data(), data.size() * sizeof(const float*));
  return pointers;
}

void CudaBackend::coordinate_median(std::span<const ConstView> vectors, View y) {
  if (y.size() == 0) return;
  median_kernel<<<blocks_for(y.size()), kThreads, 0, stream()>>>(
      pointers_to(vectors), static_cast<int64_t>(vectors.size()), y.size(), y.data);
  launched("coordinate_median");
}

void CudaBackend::coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t trim,
                                          View y) {
  if (y.size() == 0) return;
  trimmed_mean_kernel<<<blocks_for(y.size()), kThreads, 0, stream()>>>(
      pointers_to(vectors), static_cast<int64_t>(vectors.size()), trim, y.size(), y.data);
  launched("coordinate_trimmed_mean");
}

}  // namespace fedcamae::cuda
