// Pooling. A thread takes whole images or rows of the output; channels run innermost.
#include <cmath>
#include <limits>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"

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
  in_ranges(threads_, out.n() * out.h(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t ow = 0; ow < out.w(); ++ow) {
        const float* image = x.data + row / out.h() * in.h() * in.w() * channels;
        float* to = y.data + (row * out.w() + ow) * channels;
        std::fill_n(to, channels, -std::numeric_limits<float>::infinity());
        for_each_pixel(window_of(row % out.h(), ow, spec, in), in.w(), [&](int64_t pixel) {
          const float* from = image + pixel * channels;
          for (int64_t c = 0; c < channels; ++c)
            to[c] = takes_over(from[c], to[c]) ? from[c] : to[c];
        });
      }
  });
}

namespace {

// One block of channels of one window: dx[first maximum] += dy.
void scatter_to_maximum(const float* image, float* dx, const float* dy, const Window& window,
                        int64_t width, int64_t stride, int64_t channels) {
  float best[kChannelBlock];
  int64_t at[kChannelBlock];
  const int64_t first = window.rows.begin * width + window.columns.begin;
  for (int64_t c = 0; c < channels; ++c) {
    best[c] = image[first * stride + c];
    at[c] = first;
  }
  for_each_pixel(window, width, [&](int64_t pixel) {
    if (pixel == first) return;
    const float* from = image + pixel * stride;
    for (int64_t c = 0; c < channels; ++c) {
      const bool larger = takes_over(from[c], best[c]);
      best[c] = larger ? from[c] : best[c];
      at[c] = larger ? pixel : at[c];
    }
  });
  for (int64_t c = 0; c < channels; ++c) dx[at[c] * stride + c] += dy[c];
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

}  // namespace

void CpuBackend::max_pool_backward(ConstView dy, ConstView x, const PoolSpec& spec, View dx) {
  const Shape &in = x.shape, &out = dy.shape;
  for_each_block(threads_, in, [&](int64_t n, Range block) {
    const int64_t at = n * in.h() * in.w() * in.c() + block.begin;
    const int64_t channels = block.end - block.begin;
    for (int64_t pixel = 0; pixel < in.h() * in.w(); ++pixel)
      std::fill_n(dx.data + at + pixel * in.c(), channels, 0.0f);
    for (int64_t oh = 0; oh < out.h(); ++oh)
      for (int64_t ow = 0; ow < out.w(); ++ow)
        scatter_to_maximum(x.data + at, dx.data + at,
                           dy.data + ((n * out.h() + oh) * out.w() + ow) * in.c() + block.begin,
                           window_of(oh, ow, spec, in), in.w(), in.c(), channels);
  });
}

void CpuBackend::avg_pool(ConstView x, const PoolSpec& spec, View y) {
  const Shape &in = x.shape, &out = y.shape;
  const int64_t channels = out.c();
  const float share_of_one = 1.0f / static_cast<float>(spec.window * spec.window);
  in_ranges(threads_, out.n() * out.h(), x.size(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t ow = 0; ow < out.w(); ++ow) {
        const float* image = x.data + row / out.h() * in.h() * in.w() * channels;
        float* to = y.data + (row * out.w() + ow) * channels;
        std::fill_n(to, channels, 0.0f);
        for_each_pixel(window_of(row % out.h(), ow, spec, in), in.w(), [&](int64_t pixel) {
          for (int64_t c = 0; c < channels; ++c) to[c] += image[pixel * channels + c];
        });
        for (int64_t c = 0; c < channels; ++c) to[c] *= share_of_one;
      }
  });
}

void CpuBackend::avg_pool_backward(ConstView dy, const PoolSpec& spec, View dx) {
  const Shape &in = dx.shape, &out = dy.shape;
  const float share_of_one = 1.0f / static_cast<float>(spec.window * spec.window);
  in_ranges(threads_, in.n(), dx.size(), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* image = dx.data + n * in.h() * in.w() * in.c();
      std::fill_n(image, in.h() * in.w() * in.c(), 0.0f);
      for (int64_t oh = 0; oh < out.h(); ++oh)
        for (int64_t ow = 0; ow < out.w(); ++ow) {
          const float* from = dy.data + ((n * out.h() + oh) * out.w() + ow) * in.c();
          for_each_pixel(window_of(oh, ow, spec, in), in.w(), [&](int64_t pixel) {
            float* to = image + pixel * in.c();
            for (int64_t c = 0; c < in.c(); ++c) to[c] += from[c] * share_of_one;
          });
        }
    }
  });
}

void CpuBackend::global_avg_pool(ConstView x, View y) {
  const Shape& in = x.shape;
  const int64_t pixels = in.h() * in.w();
  for_each_block(threads_, in, [&](int64_t n, Range block) {
    double sums[kChannelBlock] = {};
    const int64_t channels = block.end - block.begin;
    for (int64_t p = 0; p < pixels; ++p) {
      const float* from = x.data + (n * pixels + p) * in.c() + block.begin;
      for (int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(from[c]);
    }
    for (int64_t c = 0; c < channels; ++c)
      y.data[n * in.c() + block.begin + c] =
          static_cast<float>(sums[c] / static_cast<double>(pixels));
  });
}

void CpuBackend::global_avg_pool_backward(ConstView dy, View dx) {
  const Shape& in = dx.shape;
  const int64_t pixels = in.h() * in.w(), channels = in.c();
  const float share_of_one = 1.0f / static_cast<float>(pixels);
  in_ranges(threads_, in.n() * pixels, dx.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* from = dy.data + i / pixels * channels;
      for (int64_t c = 0; c < channels; ++c) dx.data[i * channels + c] = from[c] * share_of_one;
    }
  });
}

}  // namespace fedcamae::cpu
