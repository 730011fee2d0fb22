// The median of numbers that lie in many places, without a copy and without sorting them: bisection
// over the floats between the smallest and the largest, as integers in the same order. One source
// for every device; core/cpu/simd/median.cpp has it for vectors.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/functors.h"

namespace fedcamae::median {

// The bits of floats as integers of the same order, and back.
FEDCAMAE_HD inline int32_t ordered(int32_t bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }
FEDCAMAE_HD inline int32_t key_of(float x) {
  int32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  return ordered(bits);
}
FEDCAMAE_HD inline float at_key(int32_t key) {
  const int32_t bits = ordered(key);
  float x = 0;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// Of at(0) ... at(n - 1), n >= 1; the mean of the middle two where n is even; NaN where one is NaN.
// A zero has no sign.
template <class At>
FEDCAMAE_HD float of(int64_t n, const At& at) {
  float low = at(0), high = low;
  for (int64_t i = 0; i < n; ++i) {
    const float x = at(i);
    if (x != x) return x;
    low = x < low ? x : low;
    high = x > high ? x : high;
  }
  const int64_t middle = (n - 1) / 2;
  int32_t first = key_of(low), last = key_of(high);
  while (first < last) {
    const int32_t key = (first & last) + ((first ^ last) >> 1);  // their mean, rounded down
    const float x = at_key(key);
    int64_t count = 0;
    for (int64_t i = 0; i < n; ++i) count += at(i) <= x;
    if (count > middle)
      last = key;
    else
      first = key + 1;
  }
  const float lower = at_key(first);
  if (n % 2 != 0) return lower + 0.0f;
  float upper = high;
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float x = at(i);
    count += x <= lower;
    upper = x > lower && x < upper ? x : upper;
  }
  return 0.5f * lower + 0.5f * (count > middle + 1 ? lower : upper) + 0.0f;
}

}  // namespace fedcamae::median
