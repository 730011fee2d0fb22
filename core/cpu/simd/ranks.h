// core/ranks.h for vectors of columns: the same steps for all lanes, as many as the widest needs.
#pragma once

#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

typedef int32_t Keys __attribute__((vector_size(kVector * 4)));

constexpr int kWide = 2;  // vectors at a time: counting the one hides the loads of the other
static_assert(kWide <= kPanelVectors);
constexpr int64_t kAhead = 64;  // numbers of each vector that are fetched in advance

inline Keys bits_of(Vec x) { return reinterpret_cast<Keys>(x); }
inline Keys ordered(Keys bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }
inline Vec at_key(Keys key) { return reinterpret_cast<Vec>(ordered(key)); }

// kCount vectors of columns, their n numbers side by side in a block [n, kCount * kVector]. Where
// they lie they are often a multiple of a page apart, and share a few lines of the L1 cache.
template <int kCount>
struct Columns {
  Columns(const float* const* x, int64_t rows, int64_t j, float* to) : block(to), n(rows) {
    for (int v = 0; v < kCount; ++v) low[v] = high[v] = load(x[0] + j + v * kVector);
    for (int64_t i = 0; i < n; ++i) {
      __builtin_prefetch(x[i] + j + kAhead);
      for (int v = 0; v < kCount; ++v) {
        const Vec value = load(x[i] + j + v * kVector);
        store(to + (i * kCount + v) * kVector, value);
        nan[v] |= value != value;
        low[v] = value < low[v] ? value : low[v];
        high[v] = value > high[v] ? value : high[v];
      }
    }
  }
  const float* at(int64_t i, int v) const { return block + (i * kCount + v) * kVector; }
  Vec number(int64_t i, int v) const { return load(at(i, v)); }

  const float* block;
  int64_t n;
  Vec low[kCount], high[kCount];
  Keys nan[kCount] = {};
};

// Halvings until no lane has more than one key left.
template <int kCount>
int halvings(const Keys (&first)[kCount], const Keys (&last)[kCount]) {
  uint32_t widest = 0;
  for (int v = 0; v < kCount; ++v)
    for (int lane = 0; lane < kVector; ++lane) {
      const uint32_t width =
          static_cast<uint32_t>(last[v][lane]) - static_cast<uint32_t>(first[v][lane]);
      widest = width > widest ? width : widest;
    }
  return widest == 0 ? 0 : 32 - __builtin_clz(widest);
}

// Each column's number of rank `rank`, counted from 0 at the smallest.
template <int kCount>
void of_rank(const Columns<kCount>& columns, int64_t rank, Vec (&result)[kCount]) {
  Keys first[kCount], last[kCount];
  for (int v = 0; v < kCount; ++v) {
    first[v] = ordered(bits_of(columns.low[v]));
    last[v] = ordered(bits_of(columns.high[v]));
  }
  const Keys below = Keys{} + static_cast<int32_t>(rank);
  for (int step = halvings<kCount>(first, last); step > 0; --step) {
    Keys key[kCount], count[kCount] = {};
    Vec value[kCount];
    for (int v = 0; v < kCount; ++v) {
      key[v] = (first[v] & last[v]) + ((first[v] ^ last[v]) >> 1);
      value[v] = at_key(key[v]);
    }
    for (int64_t i = 0; i < columns.n; ++i)
      for (int v = 0; v < kCount; ++v) count[v] -= columns.number(i, v) <= value[v];
    for (int v = 0; v < kCount; ++v) {
      const Keys enough = count[v] > below;
      last[v] = enough ? key[v] : last[v];
      first[v] = enough ? first[v] : key[v] + 1;
    }
  }
  for (int v = 0; v < kCount; ++v) result[v] = at_key(first[v]);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
