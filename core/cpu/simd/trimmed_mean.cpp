// core/trimmed_mean.h for vectors of columns; the sums in double.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/ranks.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

constexpr int kPart = 4;  // numbers that one instruction widens
typedef double Doubles __attribute__((vector_size(kPart * 8)));
typedef float Floats __attribute__((vector_size(kPart * 4), aligned(4), may_alias));

inline Floats part(const float* p) { return *reinterpret_cast<const Floats*>(p); }
inline Doubles widen(Floats x) { return __builtin_convertvector(x, Doubles); }

template <int kCount>
void columns(const float* const* x, int64_t n, int64_t trim, int64_t j, float* block, float* y) {
  const Columns<kCount> c(x, n, j, block);
  Vec least[kCount], most[kCount];
  of_rank(c, trim, least);
  of_rank(c, n - 1 - trim, most);
  const auto cut = static_cast<double>(trim), kept = static_cast<double>(n - 2 * trim);
  for (int v = 0; v < kCount; ++v) {
    float lows[kVector], highs[kVector], means[kVector];
    store(lows, least[v]);
    store(highs, most[v]);
    for (int p = 0; p < kVector; p += kPart) {
      const Floats low = part(lows + p), high = part(highs + p);
      Doubles sum = {};
      for (int64_t i = 0; i < n; ++i) {
        Floats value = part(c.at(i, v) + p);
        value = value < low ? low : value;
        value = value > high ? high : value;
        sum += widen(value);
      }
      const Doubles mean = (sum - cut * (widen(low) + widen(high))) / kept;
      *reinterpret_cast<Floats*>(means + p) = __builtin_convertvector(mean, Floats);
    }
    store(y + v * kVector, c.nan[v] ? Vec{} + __builtin_nanf("") : load(means) + 0.0f);
  }
}

}  // namespace

void trimmed_means(const float* const* x, int64_t n, int64_t trim, int64_t begin, int64_t end,
                   float* block, float* y) {
  int64_t j = begin;
  for (; j + kWide * kVector <= end; j += kWide * kVector)
    columns<kWide>(x, n, trim, j, block, y + j);
  for (; j < end; j += kVector) columns<1>(x, n, trim, j, block, y + j);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
