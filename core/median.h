// The median of numbers that lie in many places. One source for every device;
// core/cpu/simd/median.cpp has it for vectors.
#pragma once

#include "core/ranks.h"

namespace fedcamae::median {

// Of at(0) ... at(n - 1), n >= 1; the mean of the middle two where n is even; NaN where one is NaN.
// A zero has no sign.
template <class At>
FEDCAMAE_HD float of(int64_t n, const At& at) {
  const ranks::Extremes e = ranks::extremes(n, at);
  if (e.low != e.low) return e.low;
  const int64_t middle = (n - 1) / 2;
  const float lower = ranks::of_rank(middle, n, at, e);
  if (n % 2 != 0) return lower + 0.0f;
  float upper = e.high;
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float x = at(i);
    count += x <= lower;
    upper = x > lower && x < upper ? x : upper;
  }
  return 0.5f * lower + 0.5f * (count > middle + 1 ? lower : upper) + 0.0f;
}

}  // namespace fedcamae::median
