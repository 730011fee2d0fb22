// Cross-entropy of a softmax, with label smoothing.
#include "core/cuda/cuda_backend.h"
#include "core/cuda/rows.cuh"

namespace fedcamae::cuda {
namespace {

struct Max {
  __device__ float operator()(float a, float b) const { return a < b ? b : a; }  // as std::max
};
struct Totals {
  double exponentials, distances;  // sums of exp(z - largest), of z - largest
};
struct AddTotals {
  __device__ Totals operator()(Totals a, Totals b) const {
    return {a.exponentials + b.exponentials, a.distances + b.distances};
  }
};

// One row of logits a group of threads, which read neighbouring columns: the largest, then the sums
// in double with the exponentials left in `probabilities`, then the division of what each thread
// left.
__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_kernel(const float* logits, const int32_t* labels, double smoothing,
                                 float* probabilities, float* loss_per_row, int64_t rows,
                                 int64_t classes) {
  __shared__ float shared_largest[kThreads];
  __shared__ Totals shared_totals[kThreads];
  for_each_row(rows, [&](int64_t row, bool inside) {
    const float* z = logits + row * classes;
    float* p = probabilities + row * classes;
    const int64_t end = inside ? classes : 0;
    float largest = inside ? z[0] : 0.0f;
    for (int64_t c = threadIdx.x; c < end; c += blockDim.x) largest = Max{}(largest, z[c]);
    largest = merge_row(largest, shared_largest, Max{});
    Totals totals = {0.0, 0.0};
    for (int64_t c = threadIdx.x; c < end; c += blockDim.x) {
      const float distance = z[c] - largest;
      p[c] = expf(distance);
      totals.exponentials += static_cast<double>(p[c]);
      totals.distances += static_cast<double>(distance);
    }
    totals = merge_row(totals, shared_totals, AddTotals{});
    for (int64_t c = threadIdx.x; c < end; c += blockDim.x)
      p[c] = static_cast<float>(static_cast<double>(p[c]) / totals.exponentials);
    if (!inside || threadIdx.x != 0) return;
    const auto count = static_cast<double>(classes);
    const double log_total = log(totals.exponentials);
    const double log_picked = static_cast<double>(z[labels[row]] - largest) - log_total;
    const double log_all = totals.distances - count * log_total;
    // Without smoothing the other classes do not count, not even as 0 * infinity.
    loss_per_row[row] = static_cast<float>(smoothing == 0.0 ? -log_picked
                                                            : -(1.0 - smoothing) * log_picked -
                                                                  smoothing / count * log_all);
  });
}

// dlogits = dloss / N * (probabilities - target), a number a thread.
__global__ void __launch_bounds__(kThreads)
    softmax_cross_entropy_backward_kernel(const float* dloss, const float* probabilities,
                                          const int32_t* labels, float smoothing, float* dlogits,
                                          int64_t rows, int64_t classes) {
  const float factor = *dloss / static_cast<float>(rows);
  const float even = smoothing / static_cast<float>(classes);
  const int64_t count = rows * classes;
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    const int64_t row = i / classes;
    const float above = probabilities[i] - even;
    const bool picked = i - row * classes == labels[row];
    dlogits[i] = factor * (picked ? above - (1.0f - smoothing) : above);
  }
}

}  // namespace

void CudaBackend::softmax_cross_entropy(ConstView logits, std::span<const int32_t> labels,
                                        float smoothing, View probabilities, View loss_per_row) {
  if (logits.size() == 0) return;
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  const RowGroups groups = row_groups(rows, classes);
  softmax_cross_entropy_kernel<<<groups.grid, groups.block, 0, stream()>>>(
      logits.data, labels.data(), static_cast<double>(smoothing), probabilities.data,
      loss_per_row.data, rows, classes);
  launched("softmax_cross_entropy");
}

void CudaBackend::softmax_cross_entropy_backward(ConstView dloss, ConstView probabilities,
                                                 std::span<const int32_t> labels, float smoothing,
                                                 View dlogits) {
  if (dlogits.size() == 0) return;
  softmax_cross_entropy_backward_kernel<<<blocks_for(dlogits.size()), kThreads, 0, stream()>>>(
      dloss.data, probabilities.data, labels.data(), smoothing, dlogits.data,
      probabilities.shape[0], probabilities.shape[1]);
  launched("softmax_cross_entropy_backward");
}

}  // namespace fedcamae::cuda
