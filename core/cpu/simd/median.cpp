// core/median.h for vectors of columns: the same steps for all lanes, as many as the widest needs.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

typedef int32_t Keys __attribute__((vector_size(kVector * 4)));

constexpr int kWide = 2;  // vectors at a time: counting the one hides the loads of the other
static_assert(kWide <= kPanelVectors);
constexpr int64_t kAhead = 64;  // numbers of each vector that are fetched in advance

inline Keys bits_of(Vec x) { return reinterpret_cast<Keys>(x); }
inline Keys ordered(Keys bits) { return bits ^ ((bits >> 31) & 0x7fffffff); }
inline Vec at_key(Keys key) { return reinterpret_cast<Vec>(ordered(key)); }

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

// block [n, kCount * kVector]: these columns, side by side. Where they lie they are often a
// multiple of a page apart, and share a few lines of the L1 cache.
template <int kCount>
void columns(const float* const* x, int64_t n, int64_t j, float* block, float* y) {
  const auto number = [&](int64_t i, int v) { return load(block + (i * kCount + v) * kVector); };
  Vec low[kCount], high[kCount];
  Keys nan[kCount] = {};
  for (int v = 0; v < kCount; ++v) low[v] = high[v] = load(x[0] + j + v * kVector);
  for (int64_t i = 0; i < n; ++i) {
    __builtin_prefetch(x[i] + j + kAhead);
    for (int v = 0; v < kCount; ++v) {
      const Vec value = load(x[i] + j + v * kVector);
      store(block + (i * kCount + v) * kVector, value);
      nan[v] |= value != value;
      low[v] = value < low[v] ? value : low[v];
      high[v] = value > high[v] ? value : high[v];
    }
  }
  Keys first[kCount], last[kCount];
  for (int v = 0; v < kCount; ++v) {
    first[v] = ordered(bits_of(low[v]));
    last[v] = ordered(bits_of(high[v]));
  }
  const Keys middle = Keys{} + static_cast<int32_t>((n - 1) / 2);
  for (int step = halvings<kCount>(first, last); step > 0; --step) {
    Keys key[kCount], count[kCount] = {};
    Vec value[kCount];
    for (int v = 0; v < kCount; ++v) {
      key[v] = (first[v] & last[v]) + ((first[v] ^ last[v]) >> 1);
      value[v] = at_key(key[v]);
    }
    for (int64_t i = 0; i < n; ++i)
      for (int v = 0; v < kCount; ++v) count[v] -= number(i, v) <= value[v];
    for (int v = 0; v < kCount; ++v) {
      const Keys enough = count[v] > middle;
      last[v] = enough ? key[v] : last[v];
      first[v] = enough ? first[v] : key[v] + 1;
    }
  }
  for (int v = 0; v < kCount; ++v) {
    const Vec lower = at_key(first[v]);
    Vec result = lower;
    if (n % 2 == 0) {
      Vec upper = high[v];
      Keys count = {};
      for (int64_t i = 0; i < n; ++i) {
        const Vec value = number(i, v);
        count -= value <= lower;
        upper = ((value > lower) & (value < upper)) ? value : upper;
      }
      upper = count > middle + 1 ? lower : upper;
      result = 0.5f * lower + 0.5f * upper;
    }
    result += 0.0f;
    store(y + v * kVector, nan[v] ? Vec{} + __builtin_nanf("") : result);
  }
}

}  // namespace

void medians(const float* const* x, int64_t n, int64_t begin, int64_t end, float* block, float* y) {
  int64_t j = begin;
  for (; j + kWide * kVector <= end; j += kWide * kVector) columns<kWide>(x, n, j, block, y + j);
  for (; j < end; j += kVector) columns<1>(x, n, j, block, y + j);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
