// The vector type of this level.
#pragma once

#include <stdint.h>

namespace fedcamae::cpu::FEDCAMAE_ISA {

#if defined(__AVX512F__)
constexpr int kVector = 16;       // floats
constexpr int kPanelVectors = 4;  // a 6 x 64 tile: 24 accumulators of the 32 registers
#elif defined(__AVX__)
constexpr int kVector = 8;
constexpr int kPanelVectors = 2;  // a 6 x 16 tile: 12 of 16
#else
constexpr int kVector = 4;
constexpr int kPanelVectors = 2;
#endif
constexpr int kPanel = kVector * kPanelVectors;

typedef float Vec __attribute__((vector_size(kVector * 4)));
// The same at any address, and allowed to alias float.
typedef float UnalignedVec __attribute__((vector_size(kVector * 4), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
inline int64_t padded(int64_t columns) { return (columns + kVector - 1) / kVector * kVector; }

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
