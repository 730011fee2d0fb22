// What training and evaluation share: the pass that normalizes, the pass that makes dx, and the two
// sums of the gradients. Everything per channel is float32; x, y and their gradients are T.
#pragma once

#include <limits>

#include "core/backend.h"
#include "core/cuda/channel_sums.cuh"

namespace fedcamae::cuda {

__device__ inline float inverse_deviation(double var, float eps) {
  return static_cast<float>(1.0 / sqrt(var + static_cast<double>(eps)));
}

// y = f((x - mean) * scale + beta [+ residual]). A thread keeps its channels' numbers in registers
// and goes down the rows. floor: 0 where f is ReLU, else -infinity; a NaN passes the comparison.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    norm_forward_kernel(const T* x, const float* mean, const float* scale, const float* beta,
                        const T* residual, float floor, T* y, int64_t rows, int64_t channels) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= channels) return;
  const auto center = load_any<A::kLanes>(mean + place.channel);
  const auto factor = load_any<A::kLanes>(scale + place.channel);
  const auto shift = load_any<A::kLanes>(beta + place.channel);
  for (int64_t row = place.row; row < rows; row += place.step) {
    const int64_t at = row * channels + place.channel;
    auto values = load<A>(x + at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i)
      values.at[i] = (values.at[i] - center.at[i]) * factor.at[i] + shift.at[i];
    if (residual != nullptr) {
      const auto added = load<A>(residual + at);
#pragma unroll
      for (int i = 0; i < A::kLanes; ++i) values.at[i] += added.at[i];
    }
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) values.at[i] = values.at[i] < floor ? floor : values.at[i];
    store<A>(y + at, values);
  }
}

// The gradient that comes through ReLU: 0 where the output was not above 0. y == nullptr: no ReLU.
template <class A, class T>
__device__ inline Values<A::kLanes> masked(const T* dy, const T* y, int64_t at) {
  auto dz = load<A>(dy + at);
  if (y != nullptr) {
    const auto kept = load<A>(y + at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) dz.at[i] = kept.at[i] > 0.0f ? dz.at[i] : 0.0f;
  }
  return dz;
}

// dx = dz * scale [+ (x - mean) * along + constant], dresidual = dz. The access pattern is that of
// norm_forward_kernel; dx may be dy.
template <class A, class T, bool kBatch>
__global__ void __launch_bounds__(kThreads)
    norm_backward_kernel(const T* dy, const T* x, const T* y, const float* mean, const float* scale,
                         const float* along, const float* constant, T* dx, T* dresidual,
                         int64_t rows, int64_t channels) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= channels) return;
  const auto factor = load_any<A::kLanes>(scale + place.channel);
  Values<A::kLanes> center = {}, slope = {}, offset = {};
  if constexpr (kBatch) {
    center = load_any<A::kLanes>(mean + place.channel);
    slope = load_any<A::kLanes>(along + place.channel);
    offset = load_any<A::kLanes>(constant + place.channel);
  }
  for (int64_t row = place.row; row < rows; row += place.step) {
    const int64_t at = row * channels + place.channel;
    auto dz = masked<A>(dy, y, at);
    if (dresidual != nullptr) store<A>(dresidual + at, dz);
    if constexpr (kBatch) {
      const auto values = load<A>(x + at);
#pragma unroll
      for (int i = 0; i < A::kLanes; ++i)
        dz.at[i] =
            dz.at[i] * factor.at[i] + ((values.at[i] - center.at[i]) * slope.at[i] + offset.at[i]);
    } else {
#pragma unroll
      for (int i = 0; i < A::kLanes; ++i) dz.at[i] *= factor.at[i];
    }
    store<A>(dx + at, dz);
  }
}

// channel_sums_kernel's body: the sums of dz and of dz * (x - mean).
template <class A, class T>
struct GradientSums {
  const T* dy;
  const T* x;
  const T* y;
  const float* mean;
  Values<A::kLanes> center = {};

  __device__ void start(int64_t, int64_t channel) { center = load_any<A::kLanes>(mean + channel); }
  __device__ void add(int64_t at, Values<A::kLanes> (&sums)[2]) {
    const auto dz = masked<A>(dy, y, at);
    const auto values = load<A>(x + at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) {
      sums[0].at[i] += dz.at[i];
      sums[1].at[i] += dz.at[i] * (values.at[i] - center.at[i]);
    }
  }
};

inline void launch_norm_forward(cudaStream_t stream, ConstView x, const float* mean,
                                const float* scale, ConstView beta, ConstView residual, bool relu,
                                View y) {
  const int64_t rows = x.shape.rows(), channels = x.shape.back();
  const float floor = relu ? 0.0f : -std::numeric_limits<float>::infinity();
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    with_access<T>(channels, aligned(x.data, residual.data, y.data), [&](auto access) {
      using A = decltype(access);
      const dim3 block = block_over(rows, channels, A::kLanes);
      const dim3 grid = grid_over(rows, channels, A::kLanes, block);
      norm_forward_kernel<A><<<grid, block, 0, stream>>>(data_of<T>(x), mean, scale, beta.data,
                                                         data_of<T>(residual), floor, data_of<T>(y),
                                                         rows, channels);
    });
  });
}

// Per-channel factors of dx; along and constant are nullptr where the statistics are constants.
struct NormFactors {
  const float* mean;
  const float* scale;
  const float* along;
  const float* constant;
};

template <bool kBatch>
void launch_norm_backward(cudaStream_t stream, ConstView dy, ConstView x, ConstView y, bool relu,
                          const NormFactors& f, const BatchNormGrads& out) {
  const int64_t rows = x.shape.rows(), channels = x.shape.back();
  const float* kept = relu ? y.data : nullptr;
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const bool wide = aligned(dy.data, x.data, kept, out.dx.data, out.dresidual.data);
    with_access<T>(channels, wide, [&](auto access) {
      using A = decltype(access);
      const dim3 block = block_over(rows, channels, A::kLanes);
      const dim3 grid = grid_over(rows, channels, A::kLanes, block);
      norm_backward_kernel<A, T, kBatch><<<grid, block, 0, stream>>>(
          data_of<T>(dy), data_of<T>(x), reinterpret_cast<const T*>(kept), f.mean, f.scale, f.along,
          f.constant, data_of<T>(out.dx), data_of<T>(out.dresidual), rows, channels);
    });
  });
}

// Floats of scratch that the sums below need for their pieces.
inline int64_t norm_partials(ConstView x) {
  int64_t count = 0;
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    count = 2 * x.shape.back() * pieces_of_rows<T>(x.shape.rows(), x.shape.back()).count;
  });
  return count;
}

// The two sums of a body over all rows, x stored as T: make<A>() gives the body, take(channel,
// sums) gets them.
template <class T, class Make, class Take>
void launch_norm_sums(cudaStream_t stream, ConstView x, bool is_aligned, float* partial,
                      const Make& make, Take take) {
  const int64_t rows = x.shape.rows(), channels = x.shape.back();
  const Pieces pieces = pieces_of_rows<T>(rows, channels);
  with_access<T>(channels, is_aligned, [&](auto access) {
    using A = decltype(access);
    channel_sums_kernel<A, 2><<<pieces.grid(channels, A::kLanes), pieces.block, 0, stream>>>(
        make.template operator()<A>(), KeepPartial<2>{partial, channels}, rows, pieces.piece_rows,
        pieces.count, channels);
  });
  add_pieces<2>(stream, take, partial, pieces.count, channels);
}

// The sums of dz and of dz * (x - mean).
template <class Take>
void launch_gradient_sums(cudaStream_t stream, ConstView dy, ConstView x, ConstView y, bool relu,
                          const float* mean, float* partial, Take take) {
  const float* kept = relu ? y.data : nullptr;
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    launch_norm_sums<T>(
        stream, x, aligned(dy.data, x.data, kept), partial,
        [&]<class A>() {
          return GradientSums<A, T>{data_of<T>(dy), data_of<T>(x), reinterpret_cast<const T*>(kept),
                                    mean};
        },
        take);
  });
}

}  // namespace fedcamae::cuda
