#include "autograd/functions.h"

namespace fedcamae {

Var linear(const Var& x, const Var& w, const Var& bias) {
  const Tensor y = ops::gemm(x.value(), w.value(), {.transpose_b = true});
  if (bias.defined()) ops::add_row_(bias.value(), y);
  return Var::record("linear", {{x, w, bias}}, y,
                     [x = x.value(), w = w.value()](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(2)) grads.give_new(2, ops::sum_rows(dy));
                       const Tensor factor = ops::cast(dy, x.type());
                       if (grads.needs(0)) grads.give_new(0, ops::gemm(factor, w, {}, x.type()));
                       if (!grads.needs(1)) return;
                       if (const ops::WeightStep* step = grads.step(1))
                         ops::gemm_adam_(factor, x, *step);
                       else
                         ops::gemm_into(factor, x, {.transpose_a = true}, grads.output(1));
                     });
}

Var add_bias(const Var& x, const Var& bias) {
  const Tensor y = x.value().clone();
  ops::add_row_(bias.value(), y);
  return Var::record("add_bias", {{x, bias}}, y, [](const Tensor& dy, GradSink& grads) {
    if (grads.needs(0)) grads.give(0, dy);
    if (grads.needs(1)) grads.give_new(1, ops::sum_rows(dy));
  });
}

}  // namespace fedcamae
