// The mean of an image's pixels, per channel.
#include "core/cuda/channel_sums.cuh"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

// channel_sums_kernel over an image: the numbers themselves, then divided by the pixels.
template <class A, class T>
struct PixelSum {
  const T* x;
  __device__ void start(int64_t, int64_t) {}
  __device__ void add(int64_t at, Values<A::kLanes> (&sums)[1]) {
    const auto values = load<A>(x + at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) sums[0].at[i] += values.at[i];
  }
};
template <class A, class T>
struct StoreMean {
  T* y;
  float pixels;
  int64_t channels;
  __device__ void operator()(int64_t image, int64_t channel,
                             const Values<A::kLanes> (&sums)[1]) const {
    Values<A::kLanes> means;
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) means.at[i] = sums[0].at[i] / pixels;
    store<A>(y + image * channels + channel, means);
  }
};

// dx [images, pixels, channels] = dy [images, channels] * share. A thread takes kLanes channels of
// every step-th pixel; dy comes from the cache.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    global_avg_pool_backward_kernel(const T* dy, T* dx, float share, int64_t rows, int64_t pixels,
                                    int64_t channels) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= channels) return;
  for (int64_t row = place.row; row < rows; row += place.step) {
    auto values = load<A>(dy + row / pixels * channels + place.channel);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) values.at[i] *= share;
    store<A>(dx + row * channels + place.channel, values);
  }
}

}  // namespace

void CudaBackend::global_avg_pool(ConstView x, View y) {
  if (x.size() == 0) return;
  const int64_t channels = x.shape.c();
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const Pieces pieces = pieces_of_images<T>(x.shape);
    with_access<T>(channels, aligned(x.data, y.data), [&](auto access) {
      using A = decltype(access);
      const StoreMean<A, T> finish{data_of<T>(y), static_cast<float>(pieces.piece_rows), channels};
      channel_sums_kernel<A, 1><<<pieces.grid(channels, A::kLanes), pieces.block, 0, stream()>>>(
          PixelSum<A, T>{data_of<T>(x)}, finish, x.shape.rows(), pieces.piece_rows, pieces.count,
          channels);
    });
  });
  launched("global_avg_pool");
}

void CudaBackend::global_avg_pool_backward(ConstView dy, View dx) {
  if (dx.size() == 0) return;
  const int64_t rows = dx.shape.rows(), channels = dx.shape.c();
  const int64_t pixels = dx.shape.h() * dx.shape.w();
  const float share = 1.0f / static_cast<float>(pixels);
  with_storage(dx.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    with_access<T>(channels, aligned(dy.data, dx.data), [&](auto access) {
      using A = decltype(access);
      const dim3 block = block_over(rows, channels, A::kLanes);
      const dim3 grid = grid_over(rows, channels, A::kLanes, block);
      global_avg_pool_backward_kernel<A><<<grid, block, 0, stream()>>>(
          data_of<T>(dy), data_of<T>(dx), share, rows, pixels, channels);
    });
  });
  launched("global_avg_pool_backward");
}

}  // namespace fedcamae::cuda
