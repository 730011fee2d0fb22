// bfloat16 in the hot loops: widened where it is read, rounded to nearest even where it is written.
// A "pair" is two bfloat16 in the place of one float, the one of the lower address in the lower
// half: two neighbours of a row's reduction, or the same column of two rows that were woven
// together (pack.cpp).
#pragma once

#include "core/cpu/simd/vec.h"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace fedcamae::cpu::FEDCAMAE_ISA {

typedef uint32_t Words __attribute__((vector_size(kVector * 4)));
typedef uint16_t Halves __attribute__((vector_size(kVector * 2)));
// The same at any address of a bfloat16.
typedef Halves UnalignedHalves __attribute__((aligned(2), may_alias));
typedef uint32_t PairAt __attribute__((aligned(2), may_alias));

inline float widened(float x) { return x; }
inline float widened(uint16_t x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x) << 16);
}
// Loops over both types of storage say rounded<T>(x). A NaN stays a (quiet) NaN.
template <class T>
inline T rounded(float x);
template <>
inline float rounded<float>(float x) {
  return x;
}
template <>
inline uint16_t rounded<uint16_t>(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<uint16_t>((x != x ? bits | 0x400000u : nearest) >> 16);
}

inline Words load_halves(const uint16_t* p) {
  return __builtin_convertvector(*reinterpret_cast<const UnalignedHalves*>(p), Words);
}
inline void store_rounded(uint16_t* p, Vec x) {
  const Words bits = reinterpret_cast<Words>(x);
  const Words nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
  const Words chosen = x != x ? bits | 0x400000u : nearest;
  *reinterpret_cast<UnalignedHalves*>(p) = __builtin_convertvector(chosen >> 16, Halves);
}

// What a tile multiplies. A number of a row times a vector of columns, in kParts steps.
struct Floats {
  typedef float Number;
  static constexpr int kParts = 1;
  template <int kPart>
  static Vec columns(Vec b) {
    return b;
  }
  template <int kPart>
  static float row(float a) {
    return a;
  }
  static Vec add_product(Vec sum, float a, Vec b) { return sum + a * b; }
};

struct Pairs {
  typedef PairAt Number;
#if defined(__AVX512BF16__)
  static constexpr int kParts = 1;
  template <int kPart>
  static Vec columns(Vec b) {
    return b;
  }
  template <int kPart>
  static Words row(uint32_t a) {
    return Words{} + a;
  }
  static Vec add_product(Vec sum, Words a, Vec b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
#else
  static constexpr int kParts = 2;  // the lower halves, then the upper ones
  template <int kPart>
  static Vec columns(Vec b) {
    const Words bits = reinterpret_cast<Words>(b);
    return reinterpret_cast<Vec>(kPart == 0 ? bits << 16 : bits & 0xffff0000u);
  }
  template <int kPart>
  static float row(uint32_t a) {
    return __builtin_bit_cast(float, kPart == 0 ? a << 16 : a & 0xffff0000u);
  }
  static Vec add_product(Vec sum, float a, Vec b) { return sum + a * b; }
#endif
};

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
