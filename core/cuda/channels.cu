// A row or a gate per channel: add_row, scale_channels.
#include "core/cuda/channel_sums.cuh"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

// x [rows, channels] += b [channels]. A thread keeps its channels' b in registers and goes down the
// rows.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    add_row_kernel(T* x, const float* b, int64_t rows, int64_t channels) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= channels) return;
  const auto added = load_any<A::kLanes>(b + place.channel);
  for (int64_t row = place.row; row < rows; row += place.step) {
    T* at = x + row * channels + place.channel;
    auto values = load<A>(at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) values.at[i] += added.at[i];
    store<A>(at, values);
  }
}

// y [images * pixels, channels] = x * gate [images, channels]. A thread takes some channels of
// every step-th pixel; the gate comes from the cache.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    scale_channels_kernel(const T* x, const T* gate, T* y, int64_t rows, int64_t pixels,
                          int64_t channels) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= channels) return;
  for (int64_t row = place.row; row < rows; row += place.step) {
    const int64_t at = row * channels + place.channel;
    auto values = load<A>(x + at);
    const auto factor = load<A>(gate + row / pixels * channels + place.channel);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) values.at[i] *= factor.at[i];
    store<A>(y + at, values);
  }
}

// channel_sums_kernel over an image: dgate = sum of dy * x, and dx = dy * gate on the way.
template <class A, class T>
struct GateGradient {
  const T* dy;
  const T* x;
  const T* gate;
  T* dx;
  int64_t channels;
  Values<A::kLanes> factor = {};

  __device__ void start(int64_t image, int64_t channel) {
    factor = load<A>(gate + image * channels + channel);
  }
  __device__ void add(int64_t at, Values<A::kLanes> (&sums)[1]) {
    const auto d = load<A>(dy + at);
    const auto value = load<A>(x + at);
    Values<A::kLanes> out;
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) {
      sums[0].at[i] += d.at[i] * value.at[i];
      out.at[i] = d.at[i] * factor.at[i];
    }
    store<A>(dx + at, out);
  }
};
template <class A, class T>
struct StoreGate {
  T* dgate;
  int64_t channels;
  __device__ void operator()(int64_t image, int64_t channel,
                             const Values<A::kLanes> (&sums)[1]) const {
    store<A>(dgate + image * channels + channel, sums[0]);
  }
};

}  // namespace

void CudaBackend::add_row(ConstView b, View x) {
  if (x.size() == 0) return;
  const int64_t rows = x.shape.rows(), channels = b.size();
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    with_access<T>(channels, aligned(x.data), [&](auto access) {
      using A = decltype(access);
      const dim3 block = block_over(rows, channels, A::kLanes);
      const dim3 grid = grid_over(rows, channels, A::kLanes, block);
      add_row_kernel<A><<<grid, block, 0, stream()>>>(data_of<T>(x), b.data, rows, channels);
    });
  });
  launched("add_row");
}

void CudaBackend::scale_channels(ConstView x, ConstView gate, View y) {
  if (y.size() == 0) return;
  const int64_t rows = x.shape.rows(), channels = x.shape.c();
  const int64_t pixels = x.shape.h() * x.shape.w();
  with_storage(y.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    with_access<T>(channels, aligned(x.data, gate.data, y.data), [&](auto access) {
      using A = decltype(access);
      const dim3 block = block_over(rows, channels, A::kLanes);
      const dim3 grid = grid_over(rows, channels, A::kLanes, block);
      scale_channels_kernel<A><<<grid, block, 0, stream()>>>(data_of<T>(x), data_of<T>(gate),
                                                             data_of<T>(y), rows, pixels, channels);
    });
  });
  launched("scale_channels");
}

void CudaBackend::scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                                          View dgate) {
  if (gate.size() == 0) return;
  const int64_t rows = x.shape.rows(), channels = x.shape.c();
  with_storage(dx.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const Pieces pieces = pieces_of_images<T>(x.shape);
    const bool wide = aligned(dy.data, x.data, gate.data, dx.data, dgate.data);
    with_access<T>(channels, wide, [&](auto access) {
      using A = decltype(access);
      const GateGradient<A, T> body{data_of<T>(dy), data_of<T>(x), data_of<T>(gate), data_of<T>(dx),
                                    channels};
      const StoreGate<A, T> finish{data_of<T>(dgate), channels};
      channel_sums_kernel<A, 1><<<pieces.grid(channels, A::kLanes), pieces.block, 0, stream()>>>(
          body, finish, rows, pieces.piece_rows, pieces.count, channels);
    });
  });
  launched("scale_channels_backward");
}

}  // namespace fedcamae::cuda
