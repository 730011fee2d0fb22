// Elementwise operations and gating. Derivatives are taken from the input, whatever the functors
// of core/functors.h keep.
#pragma once

#include <cmath>

#include "core/functors.h"
#include "core/reference/array.h"

namespace fedcamae::reference {

template <class T>
T unary(Unary f, T x) {
  using std::exp, std::log, std::sqrt;
  switch (f) {
    case Unary::kRelu:
      return real_part(x) > 0 ? x : T(0);
    case Unary::kSigmoid:
      return 1.0 / (1.0 + exp(-x));
    case Unary::kExp:
      return exp(x);
    case Unary::kLog:
      return log(x);
    case Unary::kSquare:
      return x * x;
    case Unary::kNegate:
      return -x;
    case Unary::kSqrt:
      return sqrt(x);
    case Unary::kSign:
      return T((real_part(x) > 0) - (real_part(x) < 0));
  }
  return T(0);
}

// dy * f'(x).
template <class T>
T unary_backward(Unary f, T dy, T x) {
  using std::exp, std::sqrt;
  switch (f) {
    case Unary::kRelu:
      return real_part(x) > 0 ? dy : T(0);
    case Unary::kSigmoid:
      return dy * exp(-x) / ((1.0 + exp(-x)) * (1.0 + exp(-x)));
    case Unary::kExp:
      return dy * exp(x);
    case Unary::kLog:
      return dy / x;
    case Unary::kSquare:
      return 2.0 * dy * x;
    case Unary::kNegate:
      return -dy;
    case Unary::kSqrt:
      return dy / (2.0 * sqrt(x));
    case Unary::kSign:
      return T(0);
  }
  return T(0);
}

template <class T>
T binary(Binary f, T a, T b) {
  switch (f) {
    case Binary::kAdd:
      return a + b;
    case Binary::kSubtract:
      return a - b;
    case Binary::kMultiply:
      return a * b;
    case Binary::kDivide:
      return a / b;
    case Binary::kMaximum:
      return real_part(a) < real_part(b) ? b : a;
  }
  return T(0);
}

template <class T>
Array<T> unary(Unary f, const Array<T>& x) {
  Array<T> y(x.shape);
  for (int64_t i = 0; i < x.size(); ++i) y[i] = unary(f, x[i]);
  return y;
}
template <class T>
Array<T> unary_backward(Unary f, const Array<T>& dy, const Array<T>& x) {
  Array<T> dx(x.shape);
  for (int64_t i = 0; i < x.size(); ++i) dx[i] = unary_backward(f, dy[i], x[i]);
  return dx;
}
template <class T>
Array<T> binary(Binary f, const Array<T>& a, const Array<T>& b) {
  Array<T> y(a.shape);
  for (int64_t i = 0; i < a.size(); ++i) y[i] = binary(f, a[i], b[i]);
  return y;
}

// y + alpha x.
template <class T>
Array<T> axpy(double alpha, const Array<T>& x, const Array<T>& y) {
  Array<T> out(y.shape);
  for (int64_t i = 0; i < y.size(); ++i) out[i] = y[i] + alpha * x[i];
  return out;
}

// x [.., C] + b [C].
template <class T>
Array<T> add_row(const Array<T>& b, const Array<T>& x) {
  Array<T> y(x.shape);
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 0; c < x.shape.back(); ++c) y(i, c) = x(i, c) + b[c];
  return y;
}

// y [N, H, W, C] = x * gate [N, C].
template <class T>
Array<T> scale_channels(const Array<T>& x, const Array<T>& gate) {
  Array<T> y(x.shape);
  for (int64_t n = 0; n < x.shape.n(); ++n)
    for (int64_t h = 0; h < x.shape.h(); ++h)
      for (int64_t w = 0; w < x.shape.w(); ++w)
        for (int64_t c = 0; c < x.shape.c(); ++c) y(n, h, w, c) = x(n, h, w, c) * gate(n, c);
  return y;
}

template <class T>
struct ScaleChannelsGradients {
  Array<T> dx, dgate;
};
template <class T>
ScaleChannelsGradients<T> scale_channels_backward(const Array<T>& dy, const Array<T>& x,
                                                  const Array<T>& gate) {
  ScaleChannelsGradients<T> d{Array<T>(x.shape), Array<T>(gate.shape)};
  for (int64_t n = 0; n < x.shape.n(); ++n)
    for (int64_t h = 0; h < x.shape.h(); ++h)
      for (int64_t w = 0; w < x.shape.w(); ++w)
        for (int64_t c = 0; c < x.shape.c(); ++c) {
          d.dx(n, h, w, c) = dy(n, h, w, c) * gate(n, c);
          d.dgate(n, c) += dy(n, h, w, c) * x(n, h, w, c);
        }
  return d;
}

}  // namespace fedcamae::reference
