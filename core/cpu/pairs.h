// bfloat16 operands of the matrix kernels: two neighbours of a reduction are one pair, in the place
// of one float (core/cpu/simd/bf16.h). Dense rows of an even length are pairs as they lie.
#pragma once

#include <algorithm>

#include "core/backend.h"
#include "core/cpu/gemm_parallel.h"

namespace fedcamae::cpu {

inline const uint16_t* halves(const ConstView& x) {
  return reinterpret_cast<const uint16_t*>(x.data);
}
inline uint16_t* halves(const View& x) { return reinterpret_cast<uint16_t*>(x.data); }

// x as blocks of `length` numbers that begin and end with a pair: where that is odd, a copy in
// scratch memory with a zero behind each.
inline const float* even_blocks(Slot slot, const ConstView& x, int64_t length) {
  if (length % 2 == 0) return x.data;
  const int64_t blocks = x.size() / length;
  auto* copy = scratch_of<uint16_t>(slot, blocks * (length + 1));
  for (int64_t i = 0; i < blocks; ++i) {
    std::copy_n(halves(x) + i * length, length, copy + i * (length + 1));
    copy[i * (length + 1) + length] = 0;
  }
  return reinterpret_cast<const float*>(copy);
}

// gemm of bfloat16 a and b; c is bfloat16 or float32.
void gemm_pairs(const GemmSpec& spec, ConstView a, ConstView b, View c, int threads);

}  // namespace fedcamae::cpu
