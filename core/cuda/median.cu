// Medians over many vectors: a thread takes a column, then that a grid's width on; neighbouring
// threads read neighbouring columns, again and again out of the cache.
#include "core/median.h"

#include <vector>

#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"

namespace fedcamae::cuda {
namespace {

__global__ void __launch_bounds__(kThreads)
    median_kernel(const float* const* vectors, int64_t n, int64_t columns, float* y) {
  for (int64_t j = thread_index(); j < columns; j += thread_count())
    y[j] = median::of(n, [=](int64_t i) { return vectors[i][j]; });
}

}  // namespace

void CudaBackend::coordinate_median(std::span<const ConstView> vectors, View y) {
  if (y.size() == 0) return;
  std::vector<const float*> data;
  for (const ConstView& vector : vectors) data.push_back(vector.data);
  const auto n = static_cast<int64_t>(data.size());
  auto* pointers = scratch_of<const float*>(n);
  copy_from_host(pointers, data.data(), data.size() * sizeof(const float*));
  median_kernel<<<blocks_for(y.size()), kThreads, 0, stream()>>>(pointers, n, y.size(), y.data);
  launched("coordinate_median");
}

}  // namespace fedcamae::cuda
