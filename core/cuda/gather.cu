// Numbers from anywhere in a vector.
#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"

namespace fedcamae::cuda {
namespace {

__global__ void __launch_bounds__(kThreads)
    gather_kernel(const float* x, const int32_t* at, int64_t count, float* y) {
  for (int64_t i = thread_index(); i < count; i += thread_count()) y[i] = x[at[i]];
}

}  // namespace

void CudaBackend::gather(ConstView x, std::span<const int32_t> at, View y) {
  if (y.size() == 0) return;
  gather_kernel<<<blocks_for(y.size()), kThreads, 0, stream()>>>(x.data, at.data(), y.size(),
                                                                 y.data);
  launched("gather");
}

}  // namespace fedcamae::cuda
