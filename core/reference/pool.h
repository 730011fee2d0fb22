// Pooling from its definition. Windows start at (oh * stride - padding, ow * stride - padding).
#pragma once

#include "core/backend.h"
#include "core/reference/array.h"

namespace fedcamae::reference {

inline Shape pool_shape(const Shape& x, const PoolSpec& spec) {
  return {x.n(), (x.h() + 2 * spec.padding - spec.window) / spec.stride + 1,
          (x.w() + 2 * spec.padding - spec.window) / spec.stride + 1, x.c()};
}

// fn(oh, ow, h, w): pixel (h, w) lies in the window of output (oh, ow); in row-major order.
template <class Fn>
void for_each_in_window(const Shape& x, const PoolSpec& spec, const Fn& fn) {
  const Shape y = pool_shape(x, spec);
  for (int64_t oh = 0; oh < y.h(); ++oh)
    for (int64_t ow = 0; ow < y.w(); ++ow)
      for (int64_t r = 0; r < spec.window; ++r)
        for (int64_t s = 0; s < spec.window; ++s) {
          const int64_t h = oh * spec.stride + r - spec.padding;
          const int64_t w = ow * spec.stride + s - spec.padding;
          if (h >= 0 && h < x.h() && w >= 0 && w < x.w()) fn(oh, ow, h, w);
        }
}

// The pixel (h * W + w) of each window's first maximum, in the shape of the output.
template <class T>
std::vector<int64_t> first_maxima(const Array<T>& x, const PoolSpec& spec) {
  const Shape y = pool_shape(x.shape, spec);
  std::vector<int64_t> best(static_cast<size_t>(y.size()), -1);
  for (int64_t n = 0; n < y.n(); ++n)
    for (int64_t c = 0; c < y.c(); ++c)
      for_each_in_window(x.shape, spec, [&](int64_t oh, int64_t ow, int64_t h, int64_t w) {
        int64_t& at = best[static_cast<size_t>(((n * y.h() + oh) * y.w() + ow) * y.c() + c)];
        const auto value = [&](int64_t pixel) {
          return real_part(x(n, pixel / x.shape.w(), pixel % x.shape.w(), c));
        };
        const int64_t here = h * x.shape.w() + w;
        if (at < 0 || value(here) > value(at)) at = here;
      });
  return best;
}

template <class T>
Array<T> max_pool(const Array<T>& x, const PoolSpec& spec) {
  Array<T> y(pool_shape(x.shape, spec));
  const std::vector<int64_t> best = first_maxima(x, spec);
  for (int64_t i = 0; i < y.size(); ++i) {
    const int64_t n = i / (y.shape.h() * y.shape.w() * y.shape.c());
    const int64_t pixel = best[static_cast<size_t>(i)];
    y[i] = x(n, pixel / x.shape.w(), pixel % x.shape.w(), i % y.shape.c());
  }
  return y;
}

template <class T>
Array<T> max_pool_backward(const Array<T>& dy, const Array<T>& x, const PoolSpec& spec) {
  Array<T> dx(x.shape);
  const std::vector<int64_t> best = first_maxima(x, spec);
  for (int64_t i = 0; i < dy.size(); ++i) {
    const int64_t n = i / (dy.shape.h() * dy.shape.w() * dy.shape.c());
    const int64_t pixel = best[static_cast<size_t>(i)];
    dx(n, pixel / x.shape.w(), pixel % x.shape.w(), i % dy.shape.c()) += dy[i];
  }
  return dx;
}

// Padding counts as zeros: always divides by window * window.
template <class T>
Array<T> avg_pool(const Array<T>& x, const PoolSpec& spec) {
  Array<T> y(pool_shape(x.shape, spec));
  const double area = static_cast<double>(spec.window * spec.window);
  for (int64_t n = 0; n < x.shape.n(); ++n)
    for (int64_t c = 0; c < x.shape.c(); ++c)
      for_each_in_window(x.shape, spec, [&](int64_t oh, int64_t ow, int64_t h, int64_t w) {
        y(n, oh, ow, c) += x(n, h, w, c) / area;
      });
  return y;
}

template <class T>
Array<T> avg_pool_backward(const Array<T>& dy, const Shape& x, const PoolSpec& spec) {
  Array<T> dx(x);
  const double area = static_cast<double>(spec.window * spec.window);
  for (int64_t n = 0; n < x.n(); ++n)
    for (int64_t c = 0; c < x.c(); ++c)
      for_each_in_window(x, spec, [&](int64_t oh, int64_t ow, int64_t h, int64_t w) {
        dx(n, h, w, c) += dy(n, oh, ow, c) / area;
      });
  return dx;
}

// [N, H, W, C] -> [N, C].
template <class T>
Array<T> global_avg_pool(const Array<T>& x) {
  Array<T> y(Shape{x.shape.n(), x.shape.c()});
  const double area = static_cast<double>(x.shape.h() * x.shape.w());
  for (int64_t n = 0; n < x.shape.n(); ++n)
    for (int64_t h = 0; h < x.shape.h(); ++h)
      for (int64_t w = 0; w < x.shape.w(); ++w)
        for (int64_t c = 0; c < x.shape.c(); ++c) y(n, c) += x(n, h, w, c) / area;
  return y;
}

template <class T>
Array<T> global_avg_pool_backward(const Array<T>& dy, const Shape& x) {
  Array<T> dx(x);
  const double area = static_cast<double>(x.h() * x.w());
  for (int64_t n = 0; n < x.n(); ++n)
    for (int64_t h = 0; h < x.h(); ++h)
      for (int64_t w = 0; w < x.w(); ++w)
        for (int64_t c = 0; c < x.c(); ++c) dx(n, h, w, c) = dy(n, c) / area;
  return dx;
}

}  // namespace fedcamae::reference
