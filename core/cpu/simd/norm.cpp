// Batch norm: passes over rows of channels. Plain loops along the channels, which the compiler
// turns into vectors of this level; a channel's sum runs down the rows in their order.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

inline float rectified(float z) { return z < 0.0f ? 0.0f : z; }

// Rows whose numbers are added before the channel's sum is touched: fewer visits of the sums.
constexpr int64_t kRowsAtOnce = 4;

template <bool kRelu, bool kResidual>
void forward(const NormRows& t) {
  const float* __restrict mean = t.mean;
  const float* __restrict scale = t.scale;
  const float* __restrict beta = t.beta;
  for (int64_t i = 0; i < t.rows; ++i) {
    const float* x = t.x + i * t.channels;
    const float* residual = kResidual ? t.residual + i * t.channels : nullptr;
    float* __restrict y = t.y + i * t.channels;
    for (int64_t c = 0; c < t.channels; ++c) {
      float z = (x[c] - mean[c]) * scale[c] + beta[c];
      if constexpr (kResidual) z += residual[c];
      y[c] = kRelu ? rectified(z) : z;
    }
  }
}

template <bool kRelu>
inline float masked(float dy, const float* y, int64_t c) {
  if constexpr (kRelu) return y[c] > 0.0f ? dy : 0.0f;
  return dy;
}

template <bool kRelu>
void gradient_sums(const NormRows& t, float* __restrict sums, float* __restrict products) {
  const float* __restrict mean = t.mean;
  const int64_t channels = t.channels;
  int64_t i = 0;
  for (; i + 1 < t.rows; i += 2) {
    const float* x = t.x + i * channels;
    const float* dy = t.dy + i * channels;
    const float* y = kRelu ? t.y_kept + i * channels : nullptr;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = masked<kRelu>(dy[c], y, c);
      const float b = masked<kRelu>(dy[channels + c], y, channels + c);
      sums[c] += a + b;
      products[c] += a * (x[c] - mean[c]) + b * (x[channels + c] - mean[c]);
    }
  }
  for (; i < t.rows; ++i) {
    const float* x = t.x + i * channels;
    const float* dy = t.dy + i * channels;
    const float* y = kRelu ? t.y_kept + i * channels : nullptr;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = masked<kRelu>(dy[c], y, c);
      sums[c] += a;
      products[c] += a * (x[c] - mean[c]);
    }
  }
}

template <bool kRelu, bool kResidual, bool kBatch>
void backward(const NormRows& t) {
  const float* __restrict mean = t.mean;
  const float* __restrict scale = t.scale;
  const float* __restrict along = t.along;
  const float* __restrict constant = t.constant;
  for (int64_t i = 0; i < t.rows; ++i) {
    const float* x = t.x + i * t.channels;
    const float* dy = t.dy + i * t.channels;
    const float* y = kRelu ? t.y_kept + i * t.channels : nullptr;
    float* dx = t.dx + i * t.channels;
    float* __restrict dresidual = kResidual ? t.dresidual + i * t.channels : nullptr;
#pragma GCC ivdep  // dx may be dy, number by number
    for (int64_t c = 0; c < t.channels; ++c) {
      const float dz = masked<kRelu>(dy[c], y, c);
      if constexpr (kResidual) dresidual[c] = dz;
      dx[c] = kBatch ? dz * scale[c] + ((x[c] - mean[c]) * along[c] + constant[c]) : dz * scale[c];
    }
  }
}

}  // namespace

void norm_moments(const float* x, const float* shift, int64_t rows, int64_t channels,
                  float* __restrict sums, float* __restrict squares) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = squares[c] = 0.0f;
  int64_t i = 0;
  for (; i + kRowsAtOnce <= rows; i += kRowsAtOnce) {
    const float* row = x + i * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = row[c] - shift[c];
      const float b = row[channels + c] - shift[c];
      const float d = row[2 * channels + c] - shift[c];
      const float e = row[3 * channels + c] - shift[c];
      sums[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; i < rows; ++i) {
    const float* row = x + i * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = row[c] - shift[c];
      sums[c] += a;
      squares[c] += a * a;
    }
  }
}

void norm_forward(const NormRows& task) {
  if (task.relu)
    return task.residual != nullptr ? forward<true, true>(task) : forward<true, false>(task);
  return task.residual != nullptr ? forward<false, true>(task) : forward<false, false>(task);
}

void norm_gradient_sums(const NormRows& task, float* sums, float* products) {
  for (int64_t c = 0; c < task.channels; ++c) sums[c] = products[c] = 0.0f;
  return task.relu ? gradient_sums<true>(task, sums, products)
                   : gradient_sums<false>(task, sums, products);
}

void norm_backward(const NormRows& task) {
  const int variant =
      (task.relu ? 4 : 0) + (task.dresidual != nullptr ? 2 : 0) + (task.along != nullptr ? 1 : 0);
  switch (variant) {
    case 0:
      return backward<false, false, false>(task);
    case 1:
      return backward<false, false, true>(task);
    case 2:
      return backward<false, true, false>(task);
    case 3:
      return backward<false, true, true>(task);
    case 4:
      return backward<true, false, false>(task);
    case 5:
      return backward<true, false, true>(task);
    case 6:
      return backward<true, true, false>(task);
    default:
      return backward<true, true, true>(task);
  }
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
