// The yardstick of the benchmarks: the most multiply-adds a core does when nothing is in the way.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

int64_t peak(int64_t repeats, float* sink) {
  constexpr int kSums = 12;
  Vec sum[kSums];
  for (int i = 0; i < kSums; ++i) sum[i] = Vec{} + sink[i];
  Vec a = Vec{} + sink[kSums];
  Vec b = Vec{} + sink[kSums + 1];
  for (int64_t n = 0; n < repeats; ++n) {
    // Both are "changed" by this, which keeps the products inside the loop.
#if defined(__x86_64__)
    asm volatile("" : "+x"(a), "+x"(b));
#else
    asm volatile("" : "+w"(a), "+w"(b));
#endif
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) sum[i] += a * b;
  }
  for (int i = 1; i < kSums; ++i) sum[0] += sum[i];
  for (int i = 0; i < kVector; ++i) sink[0] += sum[0][i];
  return repeats * kSums * kVector;
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
