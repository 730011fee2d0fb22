// Row-major matrices of a few rows in double: the graph attack's adjacencies and encoders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fedcamae {

struct SmallMatrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;
  SmallMatrix() = default;
  SmallMatrix(int64_t r, int64_t c) : rows(r), cols(c), values(static_cast<size_t>(r * c), 0.0) {}
  double& operator()(int64_t r, int64_t c) { return values[static_cast<size_t>(r * cols + c)]; }
  double operator()(int64_t r, int64_t c) const {
    return values[static_cast<size_t>(r * cols + c)];
  }
};

inline SmallMatrix transposed(const SmallMatrix& a) {
  SmallMatrix result(a.cols, a.rows);
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t c = 0; c < a.cols; ++c) result(c, r) = a(r, c);
  return result;
}

inline SmallMatrix product(const SmallMatrix& a, const SmallMatrix& b) {
  SmallMatrix result(a.rows, b.cols);
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t k = 0; k < a.cols; ++k)
      for (int64_t c = 0; c < b.cols; ++c) result(r, c) += a(r, k) * b(k, c);
  return result;
}

}  // namespace fedcamae
