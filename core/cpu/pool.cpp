// Pooling. A thread takes whole images or rows of the output; channels run innermost.
#include <cmath>
#include <limits>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"
#include "core/cpu/typed.h"

namespace fedcamae::cpu {
namespace {

constexpr int64_t kChannelBlock = 64;  // channels whose running values stay in the L1 cache

// Pixels of the image that a window covers.
struct Window {
  Range rows, columns;
};
Range covered(int64_t out, const PoolSpec& spec, int64_t size) {
  const int64_t first = out * spec.stride - spec.padding;
  return {std::max<int64_t>(first, 0), std::min(first + spec.window, size)};
}
Window window_of(int64_t oh, int64_t ow, const PoolSpec& spec, const Shape& x) {
  return {covered(oh, spec, x.h()), covered(ow, spec, x.w())};
}
// fn(pixel) for each in row-major order; pixel = h * W + w.
template <class Fn>
void for_each_pixel(const Window& window, int64_t width, const Fn& fn) {
  for (int64_t h = window.rows.begin; h < window.rows.end; ++h)
    for (int64_t w = window.columns.begin; w < window.columns.end; ++w) fn(h * width + w);
}

// PyTorch's rule: a larger one or a NaN takes the place.
inline bool takes_over(float value, float best) { return value > best || std::isnan(value); }

}  // namespace

void CpuBackend::max_pool(ConstView x, const PoolSpec& spec, View y) {
  const Shape &in = x.shape, &out = y.shape;
  const int64_t channels = out.c();
  by_type(y.type, [&]<class T>(T) {
    in_ranges(threads_, out.n() * out.h(), x.size(), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t ow = 0; ow < out.w(); ++ow) {
          const T* image = numbers<T>(x) + row / out.h() * in.h() * in.w() * channels;
          T* to = numbers<T>(y) + (row * out.w() + ow) * channels;
          std::fill_n(to, channels, rounded<T>(-std::numeric_limits<float>::infinity()));
          for_each_pixel(window_of(row % out.h(), ow, spec, in), in.w(), [&](int64_t pixel) {
            const T* from = image + pixel * channels;
            for (int64_t c = 0; c < channels; ++c)
              to[c] = takes_over(widened(from[c]), widened(to[c])) ? from[c] : to[c];
          });
        }
    });
  });
}

namespace {

// One block of an image's channels, dense, that windows add to: float32 until all have.
float* zeroed_block(int64_t pixels, int64_t channels) {
  float* block = scratch_floats(Slot::kImage, pixels * channels);
  std::fill_n(block, pixels * channels, 0.0f);
  return block;
}
template <class T>
void store_block(const float* block, int64_t pixels, int64_t channels, T* to, int64_t stride) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel)
    for (int64_t c = 0; c < channels; ++c)
      to[pixel * stride + c] = rounded<T>(block[pixel * channels + c]);
}

// One block of channels of one window: dx[first maximum] += dy, dx dense.
template <class T>
void scatter_to_maximum(const T* image, float* dx, const T* dy, const Window& window, int64_t width,
                        int64_t stride, int64_t channels) {
  float best[kChannelBlock];
  int64_t at[kChannelBlock];
  const int64_t first = window.rows.begin * width + window.columns.begin;
  for (int64_t c = 0; c < channels; ++c) {
    best[c] = widened(image[first * stride + c]);
    at[c] = first;
  }
  for_each_pixel(window, width, [&](int64_t pixel) {
    if (pixel == first) return;
    const T* from = image + pixel * stride;
    for (int64_t c = 0; c < channels; ++c) {
      const float value = widened(from[c]);
      const bool larger = takes_over(value, best[c]);
      best[c] = larger ? value : best[c];
      at[c] = larger ? pixel : at[c];
    }
  });
  for (int64_t c = 0; c < channels; ++c) dx[at[c] * channels + c] += widened(dy[c]);
}

// fn(image, channels) for blocks of the channels of each image, dealt to the threads.
template <class Fn>
void for_each_block(int threads, const Shape& x, const Fn& fn) {
  const int64_t blocks = pieces_of(x.c(), kChannelBlock);
  in_ranges(threads, x.n() * blocks, x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      fn(i / blocks, piece_at(x.c(), kChannelBlock, i % blocks));
  });
}

// The gradient of a pool: scatter(at, from, dy, window, channels, block) for every window, `at` and
// `from` the offsets of the image and of the window's number of dy.
template <class T, class Scatter>
void pool_backward(int threads, const View& dx, const ConstView& dy, const PoolSpec& spec,
                   const Scatter& scatter) {
  const Shape &in = dx.shape, &out = dy.shape;
  for_each_block(threads, in, [&](int64_t n, Range channels) {
    const int64_t pixels = in.h() * in.w(), count = channels.end - channels.begin;
    const int64_t at = n * pixels * in.c() + channels.begin;
    float* block = zeroed_block(pixels, count);
    for (int64_t oh = 0; oh < out.h(); ++oh)
      for (int64_t ow = 0; ow < out.w(); ++ow) {
        const int64_t from = ((n * out.h() + oh) * out.w() + ow) * in.c() + channels.begin;
        scatter(at, numbers<T>(dy) + from, window_of(oh, ow, spec, in), count, block);
      }
    store_block(block, pixels, count, numbers<T>(dx) + at, in.c());
  });
}

}  // namespace

void CpuBackend::max_pool_backward(ConstView dy, ConstView x, const PoolSpec& spec, View dx) {
  const int64_t width = x.shape.w(), stride = x.shape.c();
  by_type(dx.type, [&]<class T>(T) {
    pool_backward<T>(
        threads_, dx, dy, spec,
        [&](int64_t at, const T* from, const Window& window, int64_t channels, float* block) {
          scatter_to_maximum(numbers<T>(x) + at, block, from, window, width, stride, channels);
        });
  });
}

void CpuBackend::avg_pool(ConstView x, const PoolSpec& spec, View y) {
  const Shape &in = x.shape, &out = y.shape;
  const float share_of_one = 1.0f / static_cast<float>(spec.window * spec.window);
  by_type(y.type, [&]<class T>(T) {
    for_each_block(threads_, out, [&](int64_t n, Range channels) {
      const int64_t count = channels.end - channels.begin;
      const T* image = numbers<T>(x) + n * in.h() * in.w() * in.c() + channels.begin;
      T* to = numbers<T>(y) + n * out.h() * out.w() * in.c() + channels.begin;
      for (int64_t oh = 0; oh < out.h(); ++oh)
        for (int64_t ow = 0; ow < out.w(); ++ow, to += in.c()) {
          float sums[kChannelBlock] = {};
          for_each_pixel(window_of(oh, ow, spec, in), in.w(), [&](int64_t pixel) {
            for (int64_t c = 0; c < count; ++c) sums[c] += widened(image[pixel * in.c() + c]);
          });
          for (int64_t c = 0; c < count; ++c) to[c] = rounded<T>(sums[c] * share_of_one);
        }
    });
  });
}

void CpuBackend::avg_pool_backward(ConstView dy, const PoolSpec& spec, View dx) {
  const float share_of_one = 1.0f / static_cast<float>(spec.window * spec.window);
  const int64_t width = dx.shape.w();
  by_type(dx.type, [&]<class T>(T) {
    pool_backward<T>(
        threads_, dx, dy, spec,
        [&](int64_t, const T* from, const Window& window, int64_t channels, float* block) {
          for_each_pixel(window, width, [&](int64_t pixel) {
            for (int64_t c = 0; c < channels; ++c)
              block[pixel * channels + c] += widened(from[c]) * share_of_one;
          });
        });
  });
}

void CpuBackend::global_avg_pool(ConstView x, View y) {
  const Shape& in = x.shape;
  const int64_t pixels = in.h() * in.w();
  by_type(y.type, [&]<class T>(T) {
    for_each_block(threads_, in, [&](int64_t n, Range block) {
      double sums[kChannelBlock] = {};
      const int64_t channels = block.end - block.begin;
      for (int64_t p = 0; p < pixels; ++p) {
        const T* from = numbers<T>(x) + (n * pixels + p) * in.c() + block.begin;
        for (int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(widened(from[c]));
      }
      T* to = numbers<T>(y) + n * in.c() + block.begin;
      for (int64_t c = 0; c < channels; ++c)
        to[c] = rounded<T>(static_cast<float>(sums[c] / static_cast<double>(pixels)));
    });
  });
}

void CpuBackend::global_avg_pool_backward(ConstView dy, View dx) {
  const Shape& in = dx.shape;
  const int64_t pixels = in.h() * in.w(), channels = in.c();
  const float share_of_one = 1.0f / static_cast<float>(pixels);
  by_type(dx.type, [&]<class T>(T) {
    in_ranges(threads_, in.n() * pixels, dx.size(), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* from = numbers<T>(dy) + i / pixels * channels;
        T* to = numbers<T>(dx) + i * channels;
        for (int64_t c = 0; c < channels; ++c) to[c] = rounded<T>(widened(from[c]) * share_of_one);
      }
    });
  });
}

}  // namespace fedcamae::cpu
