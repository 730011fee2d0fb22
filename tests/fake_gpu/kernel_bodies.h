// What kernels_good.cu computes for each element, for the CPU as well: test_ptx.cpp compares the
// two.
#pragma once

#include <cmath>
#include <cstdint>

#ifndef __CUDACC__
#define __host__
#define __device__
#endif

namespace bodies {

struct AdamStep {
  float rate, beta1, beta2, epsilon;
  int step;
};

__host__ __device__ inline void adam(const AdamStep& s, float g, float& w, float& m, float& v) {
  m = s.beta1 * m + (1 - s.beta1) * g;
  v = s.beta2 * v + (1 - s.beta2) * g * g;
  const float step = static_cast<float>(s.step);
  const float m_hat = m / (1 - powf(s.beta1, step));
  const float v_hat = v / (1 - powf(s.beta2, step));
  w -= s.rate * m_hat / (sqrtf(v_hat) + s.epsilon);
}

// Philox 4x32-10.
struct Philox {
  uint32_t c[4];
};
__host__ __device__ inline Philox philox(Philox x, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = 0xD2511F53ull * x.c[0], p1 = 0xCD9E8D57ull * x.c[2];
    x = {{static_cast<uint32_t>(p1 >> 32) ^ x.c[1] ^ k0, static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ x.c[3] ^ k1, static_cast<uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x;
}
__host__ __device__ inline void box_muller(const Philox& x, double& a, double& b) {
  const double scale = 1.0 / 9007199254740992.0;  // 2^-53
  const double u =
      (static_cast<double>((static_cast<uint64_t>(x.c[0]) << 32 | x.c[1]) >> 11) + 1) * scale;
  const double v =
      static_cast<double>((static_cast<uint64_t>(x.c[2]) << 32 | x.c[3]) >> 11) * scale;
  const double r = sqrt(-2 * log(u));
  a = r * cos(6.283185307179586 * v);
  b = r * sin(6.283185307179586 * v);
}

__host__ __device__ inline uint16_t to_bfloat16(float value) {
  union {
    float f;
    uint32_t u;
  } bits{value};
  return static_cast<uint16_t>((bits.u + 0x7fff + (bits.u >> 16 & 1)) >> 16);
}
__host__ __device__ inline float from_bfloat16(uint16_t bits) {
  union {
    uint32_t u;
    float f;
  } word{static_cast<uint32_t>(bits) << 16};
  return word.f;
}

// Integers of all sizes and signs.
constexpr int kIntegers = 22;
__host__ __device__ inline void integers(int64_t a, int64_t b, int64_t* out) {
  const auto a32 = static_cast<int32_t>(a), b32 = static_cast<int32_t>(b);
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  const auto ua32 = static_cast<uint32_t>(a), ub32 = static_cast<uint32_t>(b);
  const auto a8 = static_cast<int8_t>(a), b8 = static_cast<int8_t>(b);
  const auto a16 = static_cast<int16_t>(a), b16 = static_cast<int16_t>(b);
  int k = 0;
  out[k++] = a / b;
  out[k++] = a % b;
  out[k++] = static_cast<int64_t>(ua / ub);
  out[k++] = static_cast<int64_t>(ua % ub);
  out[k++] = b32 != 0 ? a32 / b32 : 0;
  out[k++] = b32 != 0 ? a32 % b32 : 0;
  out[k++] = ub32 != 0 ? ua32 / ub32 : 0;
  out[k++] = ub32 != 0 ? ua32 % ub32 : 0;
  out[k++] = a8 + b8;
  out[k++] = static_cast<int8_t>(a8 * b8);
  out[k++] = static_cast<int16_t>(a16 - b16);
  out[k++] = static_cast<uint16_t>(a16 * b16);
  out[k++] = a >> (b & 63);
  out[k++] = static_cast<int64_t>(ua >> (b & 63));
  out[k++] = static_cast<int64_t>(ua << (b & 63));
  out[k++] = a32 >> (b & 31);
  out[k++] = a < b ? a : b;
  out[k++] = ua < ub ? 1 : 0;
  out[k++] = a32 < 0 ? -static_cast<int64_t>(a32) : a32;
  out[k++] = (a32 & b32) | (~a32 ^ b32);
  out[k++] = static_cast<int64_t>(ua * ub);
  out[k++] = static_cast<int64_t>(static_cast<uint64_t>(ua32) * ub32 >> 32);
}

// Single precision functions; the second index is the function.
constexpr int kFloats = 20;
__host__ __device__ inline void floats(float x, float* out) {
  int k = 0;
  out[k++] = expf(x);
  out[k++] = logf(fabsf(x) + 1e-30f);
  out[k++] = sinf(x);
  out[k++] = cosf(x * 1e5f);  // the slow path, through local memory
  out[k++] = tanhf(x);
  out[k++] = erff(x);
  out[k++] = powf(fabsf(x), 1.7f);
  out[k++] = sqrtf(fabsf(x));
  out[k++] = 1 / sqrtf(fabsf(x) + 1e-3f);
  out[k++] = expm1f(x * 0.1f);
  out[k++] = log1pf(fabsf(x));
  out[k++] = cbrtf(x);
  out[k++] = fmodf(x, 0.7f);
  out[k++] = floorf(x) + 2 * ceilf(x) + 4 * truncf(x) + 8 * rintf(x);
  out[k++] = fminf(x, 1) + fmaxf(x, -1);
  out[k++] = atan2f(x, 0.3f);
  out[k++] = x / 3.3f;
  out[k++] = static_cast<float>(static_cast<int>(x * 100));
  out[k++] = static_cast<float>(static_cast<int64_t>(x * 1e9f));
  out[k++] = static_cast<float>(static_cast<uint8_t>(static_cast<int>(fabsf(x))));
}

constexpr int kDoubles = 10;
__host__ __device__ inline void doubles(double x, double* out) {
  int k = 0;
  out[k++] = exp(x);
  out[k++] = log(fabs(x) + 1e-300);
  out[k++] = sin(x);
  out[k++] = cos(x * 1e12);  // the slow path, with carries
  out[k++] = pow(fabs(x), 2.3);
  out[k++] = sqrt(fabs(x));
  out[k++] = x / 3.3;
  out[k++] = tanh(x);
  out[k++] = static_cast<double>(static_cast<int64_t>(x * 1e15));
  out[k++] = floor(x) + rint(x * 10);
}

__host__ __device__ inline int chosen(int i) {
  switch (i) {
    case 0:
      return 7;
    case 1:
      return i * 31;
    case 2:
      return -4;
    case 3:
      return i + 99;
    case 4:
      return i << 5;
    case 5:
      return 12345;
    case 6:
      return i ^ 77;
    case 7:
      return 0;
    default:
      return -1;
  }
}

}  // namespace bodies
