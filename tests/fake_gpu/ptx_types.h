// The types of PTX as types of C++.
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace fake_gpu::ptx {

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;
template <class T>
concept Real = std::floating_point<T>;
template <class T>
concept Word = std::same_as<T, uint32_t>;

// 16 bits in memory and registers; computed with in double, which holds products of them exactly.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  explicit Half(double value) : bits(std::bit_cast<uint16_t>(static_cast<_Float16>(value))) {}
  operator double() const { return static_cast<double>(std::bit_cast<_Float16>(bits)); }
};

struct Bfloat {
  uint16_t bits = 0;
  Bfloat() = default;
  explicit Bfloat(double value) {
    if (std::isnan(value)) {
      bits = 0x7fff;
      return;
    }
    // To odd first: rounding twice would go wrong on ties.
    float narrow = static_cast<float>(value);
    uint32_t word = std::bit_cast<uint32_t>(narrow);
    const auto back = static_cast<double>(narrow);
    if (back != value && std::isfinite(narrow)) {
      if (std::abs(back) > std::abs(value)) --word;
      word |= 1;
    }
    word += 0x7fff + (word >> 16 & 1);
    bits = static_cast<uint16_t>(word >> 16);
  }
  operator double() const {
    return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits) << 16));
  }
};

template <class T>
concept Narrow = std::same_as<T, Half> || std::same_as<T, Bfloat>;

// Two of them in 32 bits.
template <Narrow T>
struct Pair {};

// What one computes with.
template <class T>
struct ValueOf {
  using Type = T;
};
template <Narrow T>
struct ValueOf<T> {
  using Type = double;
};
template <class T>
using Value = typename ValueOf<T>::Type;

template <class T>
using Bits =
    std::conditional_t<sizeof(T) == 1, uint8_t,
                       std::conditional_t<sizeof(T) == 2, uint16_t,
                                          std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

template <class T>
Value<T> from_bits(uint64_t bits) {
  if constexpr (std::same_as<T, bool>) {
    return (bits & 1) != 0;
  } else if constexpr (Integer<T>) {
    return static_cast<T>(bits);
  } else {
    return std::bit_cast<T>(static_cast<Bits<T>>(bits));
  }
}

// Signed results fill all 64 bits, so that wider targets and 64-bit readers are served as well.
template <class T>
uint64_t to_bits(Value<T> value) {
  if constexpr (std::integral<T>) {
    return static_cast<uint64_t>(value);
  } else if constexpr (Narrow<T>) {
    return T(value).bits;
  } else {
    return std::bit_cast<Bits<T>>(value);
  }
}

// Calls f.template operator()<T>(), or gives null where the type is unknown to it.
template <class F>
auto with_type(std::string_view type, F f) -> decltype(f.template operator()<uint32_t>()) {
  if (type == "f32") return f.template operator()<float>();
  if (type == "f64") return f.template operator()<double>();
  if (type == "u32" || type == "b32") return f.template operator()<uint32_t>();
  if (type == "s32") return f.template operator()<int32_t>();
  if (type == "u64" || type == "b64") return f.template operator()<uint64_t>();
  if (type == "s64") return f.template operator()<int64_t>();
  if (type == "u16" || type == "b16") return f.template operator()<uint16_t>();
  if (type == "s16") return f.template operator()<int16_t>();
  if (type == "u8" || type == "b8") return f.template operator()<uint8_t>();
  if (type == "s8") return f.template operator()<int8_t>();
  if (type == "f16") return f.template operator()<Half>();
  if (type == "bf16") return f.template operator()<Bfloat>();
  return nullptr;
}

}  // namespace fake_gpu::ptx
