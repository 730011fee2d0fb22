// Batch norm: passes over rows of channels. Plain loops along the channels, which the compiler
// turns into vectors of this level; a channel's sum runs down the rows in their order.
#include "core/cpu/simd/bf16.h"
#include "core/cpu/simd/kernels.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

inline float rectified(float z) { return z < 0.0f ? 0.0f : z; }

// Rows whose numbers are added before the channel's sum is touched: fewer visits of the sums.
constexpr int64_t kRowsAtOnce = 4;

template <bool kRelu, bool kResidual, class T>
void forward(const NormRows<T>& t) {
  const float* __restrict mean = t.mean;
  const float* __restrict scale = t.scale;
  const float* __restrict beta = t.beta;
  for (int64_t i = 0; i < t.rows; ++i) {
    const T* x = t.x + i * t.channels;
    const T* residual = kResidual ? t.residual + i * t.channels : nullptr;
    T* y = t.y + i * t.channels;
#pragma GCC ivdep  // y may be x, number by number
    for (int64_t c = 0; c < t.channels; ++c) {
      float z = (widened(x[c]) - mean[c]) * scale[c] + beta[c];
      if constexpr (kResidual) z += widened(residual[c]);
      y[c] = rounded<T>(kRelu ? rectified(z) : z);
    }
  }
}

template <bool kRelu, class T>
inline float masked(T dy, const T* y, int64_t c) {
  if constexpr (kRelu) return widened(y[c]) > 0.0f ? widened(dy) : 0.0f;
  return widened(dy);
}

template <bool kRelu, class T>
void gradient_sums(const NormRows<T>& t, float* __restrict sums, float* __restrict products) {
  const float* __restrict mean = t.mean;
  const int64_t channels = t.channels;
  int64_t i = 0;
  for (; i + 1 < t.rows; i += 2) {
    const T* x = t.x + i * channels;
    const T* dy = t.dy + i * channels;
    const T* y = kRelu ? t.y_kept + i * channels : nullptr;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = masked<kRelu>(dy[c], y, c);
      const float b = masked<kRelu>(dy[channels + c], y, channels + c);
      sums[c] += a + b;
      products[c] += a * (widened(x[c]) - mean[c]) + b * (widened(x[channels + c]) - mean[c]);
    }
  }
  for (; i < t.rows; ++i) {
    const T* x = t.x + i * channels;
    const T* dy = t.dy + i * channels;
    const T* y = kRelu ? t.y_kept + i * channels : nullptr;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = masked<kRelu>(dy[c], y, c);
      sums[c] += a;
      products[c] += a * (widened(x[c]) - mean[c]);
    }
  }
}

template <bool kRelu, bool kResidual, bool kBatch, class T>
void backward(const NormRows<T>& t) {
  const float* __restrict mean = t.mean;
  const float* __restrict scale = t.scale;
  const float* __restrict along = t.along;
  const float* __restrict constant = t.constant;
  for (int64_t i = 0; i < t.rows; ++i) {
    const T* x = t.x + i * t.channels;
    const T* dy = t.dy + i * t.channels;
    const T* y = kRelu ? t.y_kept + i * t.channels : nullptr;
    T* dx = t.dx + i * t.channels;
    T* __restrict dresidual = kResidual ? t.dresidual + i * t.channels : nullptr;
#pragma GCC ivdep  // dx may be dy, number by number
    for (int64_t c = 0; c < t.channels; ++c) {
      const float dz = masked<kRelu>(dy[c], y, c);
      if constexpr (kResidual) dresidual[c] = rounded<T>(dz);
      dx[c] =
          rounded<T>(kBatch ? dz * scale[c] + ((widened(x[c]) - mean[c]) * along[c] + constant[c])
                            : dz * scale[c]);
    }
  }
}

}  // namespace

template <class T>
void norm_moments(const T* x, const float* shift, int64_t rows, int64_t channels,
                  float* __restrict sums, float* __restrict squares) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = squares[c] = 0.0f;
  int64_t i = 0;
  for (; i + kRowsAtOnce <= rows; i += kRowsAtOnce) {
    const T* row = x + i * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = widened(row[c]) - shift[c];
      const float b = widened(row[channels + c]) - shift[c];
      const float d = widened(row[2 * channels + c]) - shift[c];
      const float e = widened(row[3 * channels + c]) - shift[c];
      sums[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; i < rows; ++i) {
    const T* row = x + i * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float a = widened(row[c]) - shift[c];
      sums[c] += a;
      squares[c] += a * a;
    }
  }
}

template <class T>
void norm_forward(const NormRows<T>& task) {
  if (task.relu)
    return task.residual != nullptr ? forward<true, true>(task) : forward<true, false>(task);
  return task.residual != nullptr ? forward<false, true>(task) : forward<false, false>(task);
}

template <class T>
void norm_gradient_sums(const NormRows<T>& task, float* sums, float* products) {
  for (int64_t c = 0; c < task.channels; ++c) sums[c] = products[c] = 0.0f;
  return task.relu ? gradient_sums<true>(task, sums, products)
                   : gradient_sums<false>(task, sums, products);
}

template <class T>
void norm_backward(const NormRows<T>& task) {
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

#define FEDCAMAE_NORM(T)                                                                  \
  template void norm_moments(const T*, const float*, int64_t, int64_t, float* __restrict, \
                             float* __restrict);                                          \
  template void norm_forward(const NormRows<T>&);                                         \
  template void norm_gradient_sums(const NormRows<T>&, float*, float*);                   \
  template void norm_backward(const NormRows<T>&);
FEDCAMAE_NORM(float)
FEDCAMAE_NORM(uint16_t)
#undef FEDCAMAE_NORM

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
