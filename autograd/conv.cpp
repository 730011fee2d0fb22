#include "autograd/functions.h"

namespace fedcamae {

Var conv2d(const Var& x, const Var& w, const Var& bias, const ConvSpec& spec) {
  const Tensor y = ops::conv2d(x.value(), w.value(), spec);
  if (bias.defined()) ops::add_row_(bias.value(), y);
  return Var::record("conv2d", {{x, w, bias}}, y,
                     [x = x.value(), w = w.value(), spec](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(2)) grads.give_new(2, ops::sum_rows(dy));
                       if (grads.needs(0))
                         grads.give_new(0, ops::conv2d_backward_data(dy, w, x.shape(), spec));
                       if (!grads.needs(1)) return;
                       if (const ops::WeightStep* step = grads.step(1))
                         ops::conv2d_backward_weight_adam_(dy, x, spec, *step);
                       else
                         ops::conv2d_backward_weight_into(dy, x, spec, grads.output(1));
                     });
}

}  // namespace fedcamae
