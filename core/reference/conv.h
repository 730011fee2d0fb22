// Convolution from its definition: every product x * w that belongs to an output, visited once.
#pragma once

#include "core/backend.h"
#include "core/reference/array.h"

namespace fedcamae::reference {

inline Shape conv2d_shape(const Shape& x, const Shape& w, const ConvSpec& spec) {
  const int64_t h = (x.h() + 2 * spec.padding - w.h()) / spec.stride + 1;
  const int64_t width = (x.w() + 2 * spec.padding - w.w()) / spec.stride + 1;
  return {x.n(), h, width, w.n()};
}

// fn(n, oh, ow, k, ih, iw, ic, r, s, c): y(n, oh, ow, k) contains x(n, ih, iw, ic) * w(k, r, s, c).
template <class Fn>
void for_each_product(const Shape& x, const Shape& w, const ConvSpec& spec, const Fn& fn) {
  const Shape y = conv2d_shape(x, w, spec);
  const int64_t group_k = w.n() / spec.groups;
  const int64_t group_c = x.c() / spec.groups;
  for (int64_t n = 0; n < y.n(); ++n)
    for (int64_t oh = 0; oh < y.h(); ++oh)
      for (int64_t ow = 0; ow < y.w(); ++ow)
        for (int64_t k = 0; k < y.c(); ++k)
          for (int64_t r = 0; r < w.h(); ++r)
            for (int64_t s = 0; s < w.w(); ++s) {
              const int64_t ih = oh * spec.stride + r - spec.padding;
              const int64_t iw = ow * spec.stride + s - spec.padding;
              if (ih < 0 || ih >= x.h() || iw < 0 || iw >= x.w()) continue;
              for (int64_t c = 0; c < group_c; ++c)
                fn(n, oh, ow, k, ih, iw, k / group_k * group_c + c, r, s, c);
            }
}

// x [N, H, W, C], w [K, R, S, C / groups] -> y [N, OH, OW, K].
template <class T>
Array<T> conv2d(const Array<T>& x, const Array<T>& w, const ConvSpec& spec) {
  Array<T> y(conv2d_shape(x.shape, w.shape, spec));
  for_each_product(x.shape, w.shape, spec,
                   [&](int64_t n, int64_t oh, int64_t ow, int64_t k, int64_t ih, int64_t iw,
                       int64_t ic, int64_t r, int64_t s,
                       int64_t c) { y(n, oh, ow, k) += x(n, ih, iw, ic) * w(k, r, s, c); });
  return y;
}

template <class T>
Array<T> conv2d_backward_data(const Array<T>& dy, const Array<T>& w, const Shape& x,
                              const ConvSpec& spec) {
  Array<T> dx(x);
  for_each_product(x, w.shape, spec,
                   [&](int64_t n, int64_t oh, int64_t ow, int64_t k, int64_t ih, int64_t iw,
                       int64_t ic, int64_t r, int64_t s,
                       int64_t c) { dx(n, ih, iw, ic) += dy(n, oh, ow, k) * w(k, r, s, c); });
  return dx;
}

template <class T>
Array<T> conv2d_backward_weight(const Array<T>& dy, const Array<T>& x, const Shape& w,
                                const ConvSpec& spec) {
  Array<T> dw(w);
  for_each_product(x.shape, w, spec,
                   [&](int64_t n, int64_t oh, int64_t ow, int64_t k, int64_t ih, int64_t iw,
                       int64_t ic, int64_t r, int64_t s,
                       int64_t c) { dw(k, r, s, c) += dy(n, oh, ow, k) * x(n, ih, iw, ic); });
  return dw;
}

}  // namespace fedcamae::reference
