// The checks that several files of core/ops share. `op` is the name in the message's brackets.
#pragma once

#include <initializer_list>
#include <span>

#include "core/backend.h"
#include "core/error.h"
#include "core/ops.h"
#include "core/tensor.h"

namespace fedcamae::ops {

// Every tensor is defined and lies on the first one's device.
inline void check_same_device(const char* op, std::span<const Tensor* const> tensors) {
  for (const Tensor* t : tensors) {
    check(t->defined(), "[{}] a tensor is not defined", op);
    check(t->context().device() == tensors[0]->context().device(), "[{}] tensors are on {} and {}",
          op, tensors[0]->context().device().str(), t->context().device().str());
  }
}

// Every tensor is defined and of the first one's context, in which the operation runs: in the order
// of that context, without a look at what another one has yet to do. Where an optional one was not
// given, leave it out. The few operations that do read other contexts (copies, axpy, distances: a
// server over its workers' updates) say so with read_across.
inline void check_device(const char* op, std::initializer_list<const Tensor*> tensors) {
  check_same_device(op, {tensors.begin(), tensors.size()});
  for (const Tensor* t : tensors)
    check(&t->context() == &(*tensors.begin())->context(),
          "[{}] tensors are of two contexts on {}; bring them into one with to()", op,
          t->context().device().str());
}

// Each is of this element type.
inline void check_type(const char* op, ElementType type,
                       std::initializer_list<const Tensor*> tensors) {
  for (const Tensor* t : tensors)
    check(t->type() == type, "[{}] a tensor of {} numbers where {} is expected; cast it first", op,
          element_name(t->type()), element_name(type));
}
// check_device, and float32: every operation that names no other type.
inline void check_float32(const char* op, std::initializer_list<const Tensor*> tensors) {
  check_device(op, tensors);
  check_type(op, ElementType::kFloat32, tensors);
}
// check_device, and the first one's type.
inline void check_one_type(const char* op, std::initializer_list<const Tensor*> tensors) {
  check_device(op, tensors);
  check_type(op, (*tensors.begin())->type(), tensors);
}

// Runs work(backend) in `context`, reading tensors of any context of its device: waits for what
// these were asked so far, and lets them wait for the work before they do more, since memory that
// goes back to their pools is written to again. On the CPU, where a call has ended when it returns,
// nothing waits.
template <class Work>
void read_across(Context& context, std::span<const Tensor* const> read, const Work& work) {
  const auto others = [&](const auto& visit) {
    for (const Tensor* t : read)
      if (&t->context() != &context) visit(t->context().backend());
  };
  others([&](Backend& other) { context.backend().wait_for(other); });
  work(context.backend());
  others([&](Backend& other) { other.wait_for(context.backend()); });
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

inline AdamUpdate checked_update(const char* op, const WeightStep& s) {
  check_float32(op, {&s.gradient, &s.parameter, &s.m, &s.v});
  for (const Tensor* t : {&s.parameter, &s.m, &s.v})
    check_shape(op, "a buffer of the weight's size", t->shape(), s.gradient.shape());
  check(s.step >= 1, "[{}] steps count from 1, got {}", op, s.step);
  return {s.spec, s.step, s.parameter.view(), s.m.view(), s.v.view()};
}

}  // namespace fedcamae::ops
