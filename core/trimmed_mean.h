// The mean of numbers that lie in many places, without the smallest and the largest. One source for
// every device; core/cpu/simd/trimmed_mean.cpp has it for vectors.
#pragma once

#include "core/ranks.h"

namespace fedcamae::trimmed_mean {

// Of at(0) ... at(n - 1) without the `trim` smallest and the `trim` largest, 2 trim < n. What is
// cut off counts as the nearest number that stays, and is then taken away `trim` times at each end:
// so equal numbers need no order. NaN where a number is NaN or one that stays is infinite.
template <class At>
FEDCAMAE_HD float of(int64_t n, int64_t trim, const At& at) {
  const ranks::Extremes e = ranks::extremes(n, at);
  if (e.low != e.low) return e.low;
  const float least = ranks::of_rank(trim, n, at, e), most = ranks::of_rank(n - 1 - trim, n, at, e);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float x = at(i);
    sum += static_cast<double>(x < least ? least : x > most ? most : x);
  }
  const double ends = static_cast<double>(least) + static_cast<double>(most);
  const double mean = (sum - static_cast<double>(trim) * ends) / static_cast<double>(n - 2 * trim);
  return static_cast<float>(mean) + 0.0f;
}

}  // namespace fedcamae::trimmed_mean
