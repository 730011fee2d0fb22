// Numbers by rank, that lie in many places, without a copy and without sorting them: bisection over
// the floats between the smallest and the largest, as integers in the same order. One source for
// every device; core/cpu/simd/ranks.h has it for vectors.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/functors.h"

namespace fedcamae::ranks {

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

// The smallest and the largest of at(0) ... at(n - 1), n >= 1; both NaN where one is NaN.
struct Extremes {
  float low, high;
};
template <class At>
FEDCAMAE_HD Extremes extremes(int64_t n, const At& at) {
  Extremes e{at(0), at(0)};
  for (int64_t i = 0; i < n; ++i) {
    const float x = at(i);
    if (x != x) return {x, x};
    e.low = x < e.low ? x : e.low;
    e.high = x > e.high ? x : e.high;
  }
  return e;
}

// That of rank `rank`, counted from 0 at the smallest; e: theirs, not NaN.
template <class At>
FEDCAMAE_HD float of_rank(int64_t rank, int64_t n, const At& at, const Extremes& e) {
  int32_t first = key_of(e.low), last = key_of(e.high);
  while (first < last) {
    const int32_t key = (first & last) + ((first ^ last) >> 1);  // their mean, rounded down
    const float x = at_key(key);
    int64_t count = 0;
    for (int64_t i = 0; i < n; ++i) count += at(i) <= x;
    if (count > rank)
      last = key;
    else
      first = key + 1;
  }
  return at_key(first);
}

}  // namespace fedcamae::ranks
