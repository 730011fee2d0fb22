// Values of cuBLAS and cuDNN in device memory: float32, optionally cut to TF32, and bfloat16.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fake_gpu {

enum class Type { kFloat, kBfloat16 };

inline size_t size_of(Type type) { return type == Type::kFloat ? 4 : 2; }

// Rounds to the nearest float whose low `bits` bits are zero; ties go to the even one.
inline float cut(float value, int bits) {
  const uint32_t raw = std::bit_cast<uint32_t>(value);
  if ((raw & 0x7f800000) == 0x7f800000) return value;  // infinite or NaN
  const uint32_t half = (1u << (bits - 1)) - 1 + (raw >> bits & 1);
  return std::bit_cast<float>((raw + half) >> bits << bits);
}
inline float to_tf32(float value) { return cut(value, 13); }
inline float to_bfloat16(float value) { return cut(value, 16); }

inline double load(const std::byte* at, Type type, bool tf32) {
  uint32_t raw = 0;
  if (type == Type::kFloat) {
    std::memcpy(&raw, at, 4);
  } else {
    std::memcpy(reinterpret_cast<std::byte*>(&raw) + 2, at, 2);
  }
  const float value = std::bit_cast<float>(raw);
  return tf32 ? to_tf32(value) : value;
}

inline void store(std::byte* at, Type type, double value) {
  const auto narrow = static_cast<float>(value);
  if (type == Type::kFloat) {
    std::memcpy(at, &narrow, 4);
  } else {
    const float rounded = to_bfloat16(narrow);
    std::memcpy(at, reinterpret_cast<const std::byte*>(&rounded) + 2, 2);
  }
}

}  // namespace fake_gpu
