// Bilinear resize, half-pixel centres, edge clamped (PyTorch's interpolate, align_corners = false).
#pragma once

#include <algorithm>
#include <cmath>

#include "core/reference/array.h"

namespace fedcamae::reference {

// Where a coordinate of the output lies between two of the input.
struct Between {
  int64_t low, high;
  double weight;  // of `high`
};
inline Between between(int64_t out, int64_t out_size, int64_t in_size) {
  const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
  const double at = std::max(0.0, (static_cast<double>(out) + 0.5) * scale - 0.5);
  const int64_t low = std::min(static_cast<int64_t>(std::floor(at)), in_size - 1);
  return {low, std::min(low + 1, in_size - 1), at - static_cast<double>(low)};
}

template <class T>
Array<T> resize_bilinear(const Array<T>& x, int64_t height, int64_t width) {
  Array<T> y(Shape{x.shape.n(), height, width, x.shape.c()});
  for (int64_t n = 0; n < x.shape.n(); ++n)
    for (int64_t h = 0; h < height; ++h)
      for (int64_t w = 0; w < width; ++w)
        for (int64_t c = 0; c < x.shape.c(); ++c) {
          const Between v = between(h, height, x.shape.h());
          const Between u = between(w, width, x.shape.w());
          const T top = x(n, v.low, u.low, c) * (1 - u.weight) + x(n, v.low, u.high, c) * u.weight;
          const T bottom =
              x(n, v.high, u.low, c) * (1 - u.weight) + x(n, v.high, u.high, c) * u.weight;
          y(n, h, w, c) = top * (1 - v.weight) + bottom * v.weight;
        }
  return y;
}

}  // namespace fedcamae::reference
