// Numbers as they are stored (float32 or bfloat16) and as they are computed with (float32), read
// and written one by one or 16 bytes at a time.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/bfloat16.h"
#include "core/tensor.h"

namespace fedcamae::cuda {

template <class T>
struct Storage {
  using Type = T;
};
// body(Storage<float>{}) or body(Storage<Bfloat16>{}).
template <class Body>
void with_storage(ElementType type, const Body& body) {
  if (type == ElementType::kBfloat16) return body(Storage<Bfloat16>{});
  body(Storage<float>{});
}
template <class T>
const T* data_of(ConstView view) {
  return reinterpret_cast<const T*>(view.data);
}
template <class T>
T* data_of(View view) {
  return reinterpret_cast<T*>(view.data);
}

// How a thread reads: `kLanes` neighbours, at once where kAligned (their address is a multiple of
// their size), else one by one.
template <int kLaneCount, bool kIsAligned>
struct Access {
  static constexpr int kLanes = kLaneCount;
  static constexpr bool kAligned = kIsAligned;
};
template <class T>
constexpr int kWide = 16 / static_cast<int>(sizeof(T));
// Windows of flat buffers begin at any number, so this is asked at run time.
template <class... T>
bool aligned(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}
// The access to rows of `channels` numbers of type T. What a thread computes depends on the shape
// alone, never on the addresses: sums keep their bits.
template <class T, class Body>
void with_access(int64_t channels, bool is_aligned, const Body& body) {
  if (channels % kWide<T> != 0) return body(Access<1, true>{});
  if (is_aligned) return body(Access<kWide<T>, true>{});
  body(Access<kWide<T>, false>{});
}

template <int kLanes>
struct Values {
  float at[kLanes];
};
template <class T, int kLanes>
struct alignas(kLanes * sizeof(T)) Pack {
  T at[kLanes];
};

__device__ inline float read(float x) { return x; }
__device__ inline float read(Bfloat16 x) { return to_float(x); }
template <class T>
__device__ inline T stored(float x) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return to_bfloat16(x);
  } else {
    return x;
  }
}

template <class Access, class T>
__device__ inline Values<Access::kLanes> load(const T* from) {
  Values<Access::kLanes> values;
  if constexpr (Access::kAligned) {
    const auto pack = *reinterpret_cast<const Pack<T, Access::kLanes>*>(from);
#pragma unroll
    for (int i = 0; i < Access::kLanes; ++i) values.at[i] = read(pack.at[i]);
  } else {
#pragma unroll
    for (int i = 0; i < Access::kLanes; ++i) values.at[i] = read(from[i]);
  }
  return values;
}
template <class Access, class T>
__device__ inline void store(T* to, const Values<Access::kLanes>& values) {
  if constexpr (Access::kAligned) {
    Pack<T, Access::kLanes> pack;
#pragma unroll
    for (int i = 0; i < Access::kLanes; ++i) pack.at[i] = stored<T>(values.at[i]);
    *reinterpret_cast<Pack<T, Access::kLanes>*>(to) = pack;
  } else {
#pragma unroll
    for (int i = 0; i < Access::kLanes; ++i) to[i] = stored<T>(values.at[i]);
  }
}
// Per-channel numbers, which lie in a flat buffer at any address.
template <int kLanes, class T>
__device__ inline Values<kLanes> load_any(const T* from) {
  return load<Access<kLanes, false>>(from);
}

}  // namespace fedcamae::cuda
