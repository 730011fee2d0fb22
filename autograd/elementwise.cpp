#include "autograd/functions.h"

namespace fedcamae {
namespace {

// For functors that keep their output.
Var unary(const char* name, Unary f, const Var& x) {
  const Tensor y = ops::unary(f, x.value());
  return Var::record(name, {{x}}, y, [f, y](const Tensor& dy, GradSink& grads) {
    if (grads.needs(0)) grads.give_new(0, ops::unary_backward(f, dy, y));
  });
}

}  // namespace

Var relu(const Var& x) { return unary("relu", Unary::kRelu, x); }
Var sigmoid(const Var& x) { return unary("sigmoid", Unary::kSigmoid, x); }
Var exp(const Var& x) { return unary("exp", Unary::kExp, x); }

Var add(const Var& a, const Var& b) {
  return Var::record("add", {{a, b}}, ops::add(a.value(), b.value()),
                     [](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0)) grads.give(0, dy);
                       if (grads.needs(1)) grads.give(1, dy);
                     });
}

Var mul(const Var& a, const Var& b) {
  return Var::record("mul", {{a, b}}, ops::mul(a.value(), b.value()),
                     [a = a.value(), b = b.value()](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0)) grads.give_new(0, ops::mul(dy, b));
                       if (grads.needs(1)) grads.give_new(1, ops::mul(dy, a));
                     });
}

Var reshape(const Var& x, const Shape& shape) {
  return Var::record("reshape", {{x}}, x.value().reshape(shape),
                     [from = x.shape()](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0)) grads.give(0, dy.reshape(from));
                     });
}

Var cast(const Var& x, ElementType type) {
  if (x.type() == type) return x;
  return Var::record("cast", {{x}}, ops::cast(x.value(), type),
                     [](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0)) ops::cast_into(dy, grads.output(0));
                     });
}

}  // namespace fedcamae
