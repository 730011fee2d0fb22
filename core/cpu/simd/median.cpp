// core/median.h for vectors of columns.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/ranks.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

template <int kCount>
void columns(const float* const* x, int64_t n, int64_t j, float* block, float* y) {
  const Columns<kCount> c(x, n, j, block);
  Vec lowers[kCount];
  of_rank(c, (n - 1) / 2, lowers);
  const Keys middle = Keys{} + static_cast<int32_t>((n - 1) / 2);
  for (int v = 0; v < kCount; ++v) {
    const Vec lower = lowers[v];
    Vec result = lower;
    if (n % 2 == 0) {
      Vec upper = c.high[v];
      Keys count = {};
      for (int64_t i = 0; i < n; ++i) {
        const Vec value = c.number(i, v);
        count -= value <= lower;
        upper = ((value > lower) & (value < upper)) ? value : upper;
      }
      upper = count > middle + 1 ? lower : upper;
      result = 0.5f * lower + 0.5f * upper;
    }
    result += 0.0f;
    store(y + v * kVector, c.nan[v] ? Vec{} + __builtin_nanf("") : result);
  }
}

}  // namespace

void medians(const float* const* x, int64_t n, int64_t begin, int64_t end, float* block, float* y) {
  int64_t j = begin;
  for (; j + kWide * kVector <= end; j += kWide * kVector) columns<kWide>(x, n, j, block, y + j);
  for (; j < end; j += kVector) columns<1>(x, n, j, block, y + j);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
