// Array: numbers of any scalar type under a Shape; what the reference operations read and return.
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

#include "core/shape.h"

namespace fedcamae::reference {

// Comparisons (ReLU, maximum) look at the real part, so that a complex step passes through them.
inline double real_part(double x) { return x; }
inline double real_part(const std::complex<double>& x) { return x.real(); }

template <class T>
struct Array {
  Shape shape;
  std::vector<T> data;

  Array() = default;
  explicit Array(const Shape& s, T value = T(0))
      : shape(s), data(static_cast<size_t>(s.size()), value) {}

  int64_t size() const { return static_cast<int64_t>(data.size()); }
  T& operator[](int64_t i) { return data[static_cast<size_t>(i)]; }
  const T& operator[](int64_t i) const { return data[static_cast<size_t>(i)]; }

  // [N, H, W, C] and [K, R, S, C].
  T& operator()(int64_t n, int64_t h, int64_t w, int64_t c) { return (*this)[at(n, h, w, c)]; }
  const T& operator()(int64_t n, int64_t h, int64_t w, int64_t c) const {
    return (*this)[at(n, h, w, c)];
  }
  // Row and column, where the columns are the last dimension.
  T& operator()(int64_t row, int64_t column) { return (*this)[row * shape.back() + column]; }
  const T& operator()(int64_t row, int64_t column) const {
    return (*this)[row * shape.back() + column];
  }

 private:
  int64_t at(int64_t n, int64_t h, int64_t w, int64_t c) const {
    return ((n * shape.h() + h) * shape.w() + w) * shape.c() + c;
  }
};

}  // namespace fedcamae::reference
