// Pooling over windows. In every kernel a thread takes kLanes channels of some pixels of the output
// (backward: of the input, which gathers from the windows that cover it, in their order, so that
// nothing is added up by several threads).
#include "core/cuda/cuda_backend.h"
#include "core/cuda/launch.cuh"
#include "core/cuda/storage.cuh"

namespace fedcamae::cuda {
namespace {

struct PoolSizes {
  int images, height, width;  // of x
  int out_height, out_width;
  int window, stride, padding;
  int64_t channels;
};
struct Span {
  int begin, end;
};
// The rows (or columns) of the input that a window covers.
__device__ inline Span covered(int out, int size, const PoolSizes& s) {
  const int first = out * s.stride - s.padding;
  return {max(first, 0), min(first + s.window, size)};
}
// The windows that cover a row (or column) of the input.
__device__ inline Span covering(int in, int out_size, const PoolSizes& s) {
  const int first = in + s.padding - s.window + 1;  // where the earliest of them would begin
  return {first <= 0 ? 0 : (first + s.stride - 1) / s.stride,
          min((in + s.padding) / s.stride + 1, out_size)};
}

// Which pixel of which image.
struct Pixel {
  int64_t image;
  int h, w;
};
__device__ inline Pixel pixel_of(int64_t row, int height, int width) {
  const int64_t line = row / width;
  const int64_t image = line / height;
  return {image, static_cast<int>(line - image * height), static_cast<int>(row - line * width)};
}

// y = the largest number of a window; a NaN takes the place of any.
template <class A, class T>
__global__ void __launch_bounds__(kThreads) max_pool_kernel(const T* x, T* y, PoolSizes s) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= s.channels) return;
  const int64_t rows = static_cast<int64_t>(s.images) * s.out_height * s.out_width;
  for (int64_t row = place.row; row < rows; row += place.step) {
    const Pixel at = pixel_of(row, s.out_height, s.out_width);
    const Span hs = covered(at.h, s.height, s), ws = covered(at.w, s.width, s);
    Values<A::kLanes> best;
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) best.at[i] = -INFINITY;
    for (int h = hs.begin; h < hs.end; ++h)
      for (int w = ws.begin; w < ws.end; ++w) {
        const int64_t pixel = (at.image * s.height + h) * s.width + w;
        const auto values = load<A>(x + pixel * s.channels + place.channel);
#pragma unroll
        for (int i = 0; i < A::kLanes; ++i)
          best.at[i] = values.at[i] > best.at[i] || isnan(values.at[i]) ? values.at[i] : best.at[i];
      }
    store<A>(y + row * s.channels + place.channel, best);
  }
}

// Whether the window of (hs, ws) chose pixel `chosen`: the first maximum in row-major order; of
// several NaN the last, as each takes the place. value(pixel) reads a pixel's channels.
template <class A, class T>
__device__ inline void mark_chosen(const T* image, Span hs, Span ws, int chosen,
                                   const Values<A::kLanes>& mine, const PoolSizes& s,
                                   bool (&is_chosen)[A::kLanes]) {
#pragma unroll
  for (int i = 0; i < A::kLanes; ++i) is_chosen[i] = true;
  for (int h = hs.begin; h < hs.end; ++h)
    for (int w = ws.begin; w < ws.end; ++w) {
      const int pixel = h * s.width + w;
      if (pixel == chosen) continue;
      const auto other = load<A>(image + pixel * s.channels);
#pragma unroll
      for (int i = 0; i < A::kLanes; ++i) {
        const float a = mine.at[i], b = other.at[i];
        const bool stays = pixel < chosen ? a > b || isnan(a) : !(b > a) && !isnan(b);
        is_chosen[i] = is_chosen[i] && stays;
      }
    }
}

// dx = the sum of dy over the windows whose maximum this pixel is: each window that covers it is
// read through again, from the cache.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    max_pool_backward_kernel(const T* dy, const T* x, T* dx, PoolSizes s) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= s.channels) return;
  const int64_t pixels = static_cast<int64_t>(s.height) * s.width;
  for (int64_t row = place.row; row < s.images * pixels; row += place.step) {
    const Pixel at = pixel_of(row, s.height, s.width);
    const T* image = x + at.image * pixels * s.channels + place.channel;
    const auto mine = load<A>(x + row * s.channels + place.channel);
    const Span ohs = covering(at.h, s.out_height, s), ows = covering(at.w, s.out_width, s);
    Values<A::kLanes> sums = {};
    for (int oh = ohs.begin; oh < ohs.end; ++oh)
      for (int ow = ows.begin; ow < ows.end; ++ow) {
        bool is_chosen[A::kLanes];
        mark_chosen<A>(image, covered(oh, s.height, s), covered(ow, s.width, s),
                       at.h * s.width + at.w, mine, s, is_chosen);
        const int64_t out = (at.image * s.out_height + oh) * s.out_width + ow;
        const auto d = load<A>(dy + out * s.channels + place.channel);
#pragma unroll
        for (int i = 0; i < A::kLanes; ++i) sums.at[i] += is_chosen[i] ? d.at[i] : 0.0f;
      }
    store<A>(dx + row * s.channels + place.channel, sums);
  }
}

// y = the sum of a window times `share`, one over the window's area; what is outside counts as 0.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    avg_pool_kernel(const T* x, T* y, float share, PoolSizes s) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= s.channels) return;
  const int64_t rows = static_cast<int64_t>(s.images) * s.out_height * s.out_width;
  for (int64_t row = place.row; row < rows; row += place.step) {
    const Pixel at = pixel_of(row, s.out_height, s.out_width);
    const Span hs = covered(at.h, s.height, s), ws = covered(at.w, s.width, s);
    Values<A::kLanes> sums = {};
    for (int h = hs.begin; h < hs.end; ++h)
      for (int w = ws.begin; w < ws.end; ++w) {
        const int64_t pixel = (at.image * s.height + h) * s.width + w;
        const auto values = load<A>(x + pixel * s.channels + place.channel);
#pragma unroll
        for (int i = 0; i < A::kLanes; ++i) sums.at[i] += values.at[i];
      }
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) sums.at[i] *= share;
    store<A>(y + row * s.channels + place.channel, sums);
  }
}

// dx = `share` times the sum of dy over the windows that cover the pixel.
template <class A, class T>
__global__ void __launch_bounds__(kThreads)
    avg_pool_backward_kernel(const T* dy, T* dx, float share, PoolSizes s) {
  const Place place = place_over(A::kLanes);
  if (place.channel >= s.channels) return;
  const int64_t rows = static_cast<int64_t>(s.images) * s.height * s.width;
  for (int64_t row = place.row; row < rows; row += place.step) {
    const Pixel at = pixel_of(row, s.height, s.width);
    const Span ohs = covering(at.h, s.out_height, s), ows = covering(at.w, s.out_width, s);
    Values<A::kLanes> sums = {};
    for (int oh = ohs.begin; oh < ohs.end; ++oh)
      for (int ow = ows.begin; ow < ows.end; ++ow) {
        const int64_t out = (at.image * s.out_height + oh) * s.out_width + ow;
        const auto d = load<A>(dy + out * s.channels + place.channel);
#pragma unroll
        for (int i = 0; i < A::kLanes; ++i) sums.at[i] += d.at[i] * share;
      }
    store<A>(dx + row * s.channels + place.channel, sums);
  }
}

PoolSizes sizes_of(const Shape& x, const Shape& y, const PoolSpec& spec) {
  const auto whole = [](int64_t size) { return static_cast<int>(size); };
  return {whole(x.n()),       whole(x.h()),       whole(x.w()),        whole(y.h()), whole(y.w()),
          whole(spec.window), whole(spec.stride), whole(spec.padding), x.c()};
}
float share_of_one(const PoolSpec& spec) {
  return 1.0f / static_cast<float>(spec.window * spec.window);
}

// launch(access, storage, grid, block) for threads over the pixels of `over`.
template <class Launch>
void over_pixels(const View& over, bool is_aligned, const Launch& launch) {
  if (over.size() == 0) return;
  const int64_t rows = over.shape.rows(), channels = over.shape.c();
  with_storage(over.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    with_access<T>(channels, is_aligned, [&](auto access) {
      constexpr int kLanes = decltype(access)::kLanes;
      const dim3 block = block_over(rows, channels, kLanes);
      launch(access, storage, grid_over(rows, channels, kLanes, block), block);
    });
  });
}

}  // namespace

void CudaBackend::max_pool(ConstView x, const PoolSpec& spec, View y) {
  const PoolSizes sizes = sizes_of(x.shape, y.shape, spec);
  over_pixels(y, aligned(x.data, y.data), [&](auto access, auto storage, dim3 grid, dim3 block) {
    using T = typename decltype(storage)::Type;
    max_pool_kernel<decltype(access)>
        <<<grid, block, 0, stream()>>>(data_of<T>(x), data_of<T>(y), sizes);
  });
  launched("max_pool");
}

void CudaBackend::max_pool_backward(ConstView dy, ConstView x, const PoolSpec& spec, View dx) {
  const PoolSizes sizes = sizes_of(x.shape, dy.shape, spec);
  const bool wide = aligned(dy.data, x.data, dx.data);
  over_pixels(dx, wide, [&](auto access, auto storage, dim3 grid, dim3 block) {
    using T = typename decltype(storage)::Type;
    max_pool_backward_kernel<decltype(access)>
        <<<grid, block, 0, stream()>>>(data_of<T>(dy), data_of<T>(x), data_of<T>(dx), sizes);
  });
  launched("max_pool_backward");
}

void CudaBackend::avg_pool(ConstView x, const PoolSpec& spec, View y) {
  const PoolSizes sizes = sizes_of(x.shape, y.shape, spec);
  over_pixels(y, aligned(x.data, y.data), [&](auto access, auto storage, dim3 grid, dim3 block) {
    using T = typename decltype(storage)::Type;
    avg_pool_kernel<decltype(access)>
        <<<grid, block, 0, stream()>>>(data_of<T>(x), data_of<T>(y), share_of_one(spec), sizes);
  });
  launched("avg_pool");
}

void CudaBackend::avg_pool_backward(ConstView dy, const PoolSpec& spec, View dx) {
  const PoolSizes sizes = sizes_of(dx.shape, dy.shape, spec);
  over_pixels(dx, aligned(dy.data, dx.data), [&](auto access, auto storage, dim3 grid, dim3 block) {
    using T = typename decltype(storage)::Type;
    avg_pool_backward_kernel<decltype(access)>
        <<<grid, block, 0, stream()>>>(data_of<T>(dy), data_of<T>(dx), share_of_one(spec), sizes);
  });
  launched("avg_pool_backward");
}

}  // namespace fedcamae::cuda
