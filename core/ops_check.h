// The checks that several files of core/ops share. `op` is the name in the message's brackets.
#pragma once

#include <initializer_list>

#include "core/tensor.h"

namespace fedcamae::ops {

// Every tensor is defined and lies on the first one's device. Where an optional one was not given,
// leave it out.
inline void check_device(const char* op, std::initializer_list<const Tensor*> tensors) {
  const Tensor* first = *tensors.begin();
  for (const Tensor* t : tensors) {
    check(t->defined(), "[{}] a tensor is not defined", op);
    check(t->context().device() == first->context().device(), "[{}] tensors are on {} and {}", op,
          first->context().device().str(), t->context().device().str());
  }
}

inline void check_shape(const char* op, const char* what, const Shape& got, const Shape& expected) {
  check(got == expected, "[{}] {} expects {}, got {}", op, what, expected, got);
}
inline void check_same_size(const char* op, const Tensor& a, const Tensor& b) {
  check(a.size() == b.size(), "[{}] sizes differ: {} and {}", op, a.shape(), b.shape());
}
inline void check_rank(const char* op, const char* what, const Shape& shape, int rank) {
  check(shape.rank() == rank, "[{}] {} has {} dimensions, got {}", op, what, rank, shape);
}

}  // namespace fedcamae::ops
