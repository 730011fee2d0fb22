// Squared distances in double, the differences of float32 numbers exact.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

// Eight sums side by side at every level, as two halves: what one instruction widens from float32.
constexpr int kHalf = 4;
constexpr int kLanes = 2 * kHalf;
typedef double Doubles __attribute__((vector_size(kHalf * 8)));
typedef float Floats __attribute__((vector_size(kHalf * 4), aligned(4), may_alias));

inline Doubles widen(const float* p) {
  return __builtin_convertvector(*reinterpret_cast<const Floats*>(p), Doubles);
}

// Each vector of b has the same order of sums, whatever its neighbours.
template <int kVectors>
void distances(const float* a, const float* const* b, int64_t count, double* sums) {
  Doubles low[kVectors] = {}, high[kVectors] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Doubles x = widen(a + i), y = widen(a + i + kHalf);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Doubles d = x - widen(b[v] + i), e = y - widen(b[v] + i + kHalf);
      low[v] += d * d;
      high[v] += e * e;
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    double lanes[kLanes];
    for (int lane = 0; lane < kHalf; ++lane) {
      lanes[lane] = low[v][lane];
      lanes[kHalf + lane] = high[v][lane];
    }
    for (int64_t j = i; j < count; ++j) {
      const double d = static_cast<double>(a[j]) - static_cast<double>(b[v][j]);
      lanes[j - i] += d * d;
    }
    sums[v] = 0;
    for (const double lane : lanes) sums[v] += lane;
  }
}

}  // namespace

void squared_distances(const float* a, const float* const* b, int64_t vectors, int64_t count,
                       double* sums) {
  int64_t v = 0;
  for (; v + 4 <= vectors; v += 4) distances<4>(a, b + v, count, sums + v);
  for (; v < vectors; ++v) distances<1>(a, b + v, count, sums + v);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
