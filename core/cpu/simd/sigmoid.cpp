// The last layer of an autoencoder and its squared error, forward and backward in one.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

typedef uint32_t Bits __attribute__((vector_size(kVector * 4)));
typedef int32_t Integers __attribute__((vector_size(kVector * 4)));

// e^x to 2 units in the last place where |x| <= 87, e^87 or e^-87 beyond; NaN stays NaN. 2^n e^r,
// n the integer nearest to x / ln 2; e^r - 1 - r by Cephes' polynomial of degree 7 (expf.c).
inline Vec exponential(Vec x) {
  constexpr float kMost = 87.0f, kRound = 0x1.8p23f;  // adding it leaves no room for a fraction
  x = x > kMost ? Vec{} + kMost : x;
  x = x < -kMost ? Vec{} - kMost : x;
  const Vec n = (x * 0x1.715476p0f + kRound) - kRound;
  // ln 2 in two parts, the first with few digits: n times it is exact.
  const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Vec p = Vec{} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const Vec fraction = p * (r * r) + r + 1.0f;
  const Bits power = (reinterpret_cast<Bits>(__builtin_convertvector(n, Integers)) + 127u) << 23;
  return fraction * reinterpret_cast<Vec>(power);
}

// The lanes' sum, halves upon halves.
inline float sum_lanes(Vec v) {
  float lanes[kVector];
  store(lanes, v);
#pragma GCC unroll 8
  for (int half = kVector / 2; half > 0; half /= 2)
#pragma GCC unroll 16
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

// The first `count` numbers at p; what lies behind them is read only where it is `readable`.
inline Vec load_first(const float* p, int64_t count, bool readable) {
  if (readable) return load(p);
  float numbers[kVector] = {};
  for (int64_t i = 0; i < count; ++i) numbers[i] = p[i];
  return load(numbers);
}

}  // namespace

double sigmoid_error(const SigmoidError& t) {
  const int64_t width = padded(t.columns), numbers = t.rows * t.columns;
  float present[kVector];  // in the last vector of a row: 1 where a column counts
  for (int64_t i = 0; i < kVector; ++i) present[i] = width - kVector + i < t.columns ? 1.0f : 0.0f;
  const Vec last = load(present);
  Vec squares{};
  for (int64_t row = 0; row < t.rows; ++row) {
    float* z = t.z + row * width;
    const float* x = t.x + row * t.columns;
    Vec sum{};
    for (int64_t i = 0; i < width; i += kVector) {
      const Vec y = 1.0f / (1.0f + exponential(-(load(z + i) + t.bias[row])));
      Vec error = y - load_first(x + i, t.columns - i, row * t.columns + i + kVector <= numbers);
      if (i + kVector == width) error *= last;
      squares += error * error;
      const Vec dz = error * t.factor * y * (1.0f - y);
      store(z + i, dz);
      sum += dz;
    }
    t.dbias[row] = sum_lanes(sum);
  }
  return static_cast<double>(sum_lanes(squares));
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
