// Loops over float32 or bfloat16 storage, written once: each number is widened where it is read and
// rounded where it is written; what is between is float32.
#pragma once

#include "core/bfloat16.h"
#include "core/tensor.h"

namespace fedcamae::cpu {

inline float widened(float x) { return x; }
inline float widened(Bfloat16 x) { return to_float(x); }
template <class T>
T rounded(float x) {
  if constexpr (sizeof(T) == sizeof(float))
    return x;
  else
    return to_bfloat16(x);
}

// The numbers of a view whose type is T.
template <class T>
const T* numbers(const ConstView& x) {
  return reinterpret_cast<const T*>(x.data);
}
template <class T>
T* numbers(const View& x) {
  return reinterpret_cast<T*>(x.data);
}

// body(number): any one of the type that `type` names.
template <class Body>
void by_type(ElementType type, const Body& body) {
  if (type == ElementType::kBfloat16) return body(Bfloat16{});
  body(float{});
}

}  // namespace fedcamae::cpu
