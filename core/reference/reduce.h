// Sums and extremes.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/reference/array.h"

namespace fedcamae::reference {

template <class T>
T sum(const Array<T>& x) {
  T total(0);
  for (const T& value : x.data) total += value;
  return total;
}
template <class T>
T dot(const Array<T>& a, const Array<T>& b) {
  T total(0);
  for (int64_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}
template <class T>
T squared_distance(const Array<T>& a, const Array<T>& b) {
  T total(0);
  for (int64_t i = 0; i < a.size(); ++i) total += (a[i] - b[i]) * (a[i] - b[i]);
  return total;
}

// Of every coordinate: by sorting; numbers of float32, of an even number the mean of the middle two
// rounded to float32. NaN where one is NaN.
inline Array<double> coordinate_median(const std::vector<Array<double>>& vectors) {
  Array<double> y(vectors.at(0).shape);
  const size_t n = vectors.size();
  for (int64_t j = 0; j < y.size(); ++j) {
    std::vector<double> column;
    for (const Array<double>& v : vectors) column.push_back(v[j]);
    if (std::any_of(column.begin(), column.end(), [](double x) { return std::isnan(x); })) {
      y[j] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    std::sort(column.begin(), column.end());
    const double mean = (column[(n - 1) / 2] + column[n / 2]) / 2;
    y[j] = static_cast<double>(static_cast<float>(mean));
  }
  return y;
}

// The mean without the `trim` smallest and the `trim` largest, rounded to float32.
inline Array<double> coordinate_trimmed_mean(const std::vector<Array<double>>& vectors,
                                             int64_t trim) {
  Array<double> y(vectors.at(0).shape);
  for (int64_t j = 0; j < y.size(); ++j) {
    std::vector<double> column;
    for (const Array<double>& v : vectors) column.push_back(v[j]);
    if (std::any_of(column.begin(), column.end(), [](double x) { return std::isnan(x); })) {
      y[j] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    std::sort(column.begin(), column.end());
    double sum = 0;
    for (auto x = column.begin() + trim; x != column.end() - trim; ++x) sum += *x;
    const double mean = sum / static_cast<double>(static_cast<int64_t>(column.size()) - 2 * trim);
    y[j] = std::isinf(mean) ? std::numeric_limits<double>::quiet_NaN()
                            : static_cast<double>(static_cast<float>(mean));
  }
  return y;
}

// [rows, C] -> [C].
template <class T>
Array<T> sum_rows(const Array<T>& x) {
  Array<T> y(Shape{x.shape.back()});
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 0; c < x.shape.back(); ++c) y[c] += x(i, c);
  return y;
}
// [rows, C] -> [rows].
template <class T>
Array<T> sum_last(const Array<T>& x) {
  Array<T> y(Shape{x.shape.rows()});
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 0; c < x.shape.back(); ++c) y[i] += x(i, c);
  return y;
}

// The first largest of each row; the first NaN where there is one.
inline std::vector<int32_t> argmax_last(const Array<double>& x) {
  std::vector<int32_t> best(static_cast<size_t>(x.shape.rows()), 0);
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 1; c < x.shape.back(); ++c) {
      int32_t& at = best[static_cast<size_t>(i)];
      if (std::isnan(x(i, at))) break;
      if (x(i, c) > x(i, at) || std::isnan(x(i, c))) at = static_cast<int32_t>(c);
    }
  return best;
}

struct LowHigh {
  Array<double> low, high;  // [rows]
};
inline LowHigh minmax_last(const Array<double>& x) {
  LowHigh out{Array<double>(Shape{x.shape.rows()}), Array<double>(Shape{x.shape.rows()})};
  for (int64_t i = 0; i < x.shape.rows(); ++i) {
    out.low[i] = out.high[i] = x(i, 0);
    for (int64_t c = 1; c < x.shape.back(); ++c) {
      if (x(i, c) < out.low[i]) out.low[i] = x(i, c);
      if (x(i, c) > out.high[i]) out.high[i] = x(i, c);
    }
  }
  return out;
}

}  // namespace fedcamae::reference
