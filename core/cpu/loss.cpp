#include <cmath>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {

void CpuBackend::softmax_cross_entropy(ConstView logits, std::span<const int32_t> labels,
                                       float smoothing, View probabilities, View loss_per_row) {
  const int64_t classes = logits.shape[1];
  const double even = static_cast<double>(smoothing) / static_cast<double>(classes);
  in_ranges(threads_, logits.shape[0], 4 * logits.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* z = logits.data + i * classes;
      float* p = probabilities.data + i * classes;
      float largest = z[0];
      for (int64_t c = 1; c < classes; ++c) largest = std::max(largest, z[c]);
      double total = 0, distances = 0;  // of exp(z - largest), of z - largest
      for (int64_t c = 0; c < classes; ++c) {
        p[c] = std::exp(z[c] - largest);
        total += static_cast<double>(p[c]);
        distances += static_cast<double>(z[c] - largest);
      }
      const double log_total = std::log(total);
      const float* picked = z + labels[static_cast<size_t>(i)];
      const double log_picked = static_cast<double>(*picked - largest) - log_total;
      const double log_all = distances - static_cast<double>(classes) * log_total;
      loss_per_row.data[i] = static_cast<float>(
          smoothing == 0 ? -log_picked
                         : -(1.0 - static_cast<double>(smoothing)) * log_picked - even * log_all);
      for (int64_t c = 0; c < classes; ++c)
        p[c] = static_cast<float>(static_cast<double>(p[c]) / total);
    }
  });
}

void CpuBackend::softmax_cross_entropy_backward(ConstView dloss, ConstView probabilities,
                                                std::span<const int32_t> labels, float smoothing,
                                                View dlogits) {
  const int64_t rows = probabilities.shape[0], classes = probabilities.shape[1];
  const float factor = *dloss.data / static_cast<float>(rows);
  const float even = smoothing / static_cast<float>(classes);
  in_ranges(threads_, rows, probabilities.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* p = probabilities.data + i * classes;
      float* to = dlogits.data + i * classes;
      const int64_t label = labels[static_cast<size_t>(i)];
      for (int64_t c = 0; c < classes; ++c) to[c] = factor * (p[c] - even);
      to[label] = factor * (p[label] - even - (1.0f - smoothing));
    }
  });
}

}  // namespace fedcamae::cpu
