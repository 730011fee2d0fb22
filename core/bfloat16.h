// bfloat16: the upper half of a float32. Storage only; numbers are computed in float32.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/functors.h"

namespace fedcamae {

struct Bfloat16 {
  uint16_t bits = 0;
};

FEDCAMAE_HD inline float to_float(Bfloat16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
FEDCAMAE_HD inline Bfloat16 to_bfloat16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

}  // namespace fedcamae
