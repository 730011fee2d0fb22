#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"

namespace fedcamae::cuda {
namespace {

// Writes in order; each number of y is read where it lies, so lines of x come several times.
__global__ void __launch_bounds__(kThreads)
    transpose_kernel(const float* x, float* y, int64_t rows, int64_t columns) {
  for (int64_t i = thread_index(); i < rows * columns; i += thread_count())
    y[i] = x[i % rows * columns + i / rows];
}

}  // namespace

void CudaBackend::transpose(ConstView x, View y) {
  if (y.size() == 0) return;
  transpose_kernel<<<blocks_for(y.size()), kThreads, 0, stream()>>>(x.data, y.data, x.shape[0],
                                                                    x.shape[1]);
  launched("transpose");
}

}  // namespace fedcamae::cuda
