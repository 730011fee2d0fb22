#include "autograd/functions.h"

namespace fedcamae {

Var max_pool(const Var& x, const PoolSpec& spec) {
  return Var::record("max_pool", {{x}}, ops::max_pool(x.value(), spec),
                     [x = x.value(), spec](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0)) grads.give_new(0, ops::max_pool_backward(dy, x, spec));
                     });
}

Var avg_pool(const Var& x, const PoolSpec& spec) {
  return Var::record("avg_pool", {{x}}, ops::avg_pool(x.value(), spec),
                     [shape = x.shape(), spec](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0))
                         grads.give_new(0, ops::avg_pool_backward(dy, shape, spec));
                     });
}

Var global_avg_pool(const Var& x) {
  return Var::record("global_avg_pool", {{x}}, ops::global_avg_pool(x.value()),
                     [shape = x.shape()](const Tensor& dy, GradSink& grads) {
                       if (grads.needs(0))
                         grads.give_new(0, ops::global_avg_pool_backward(dy, shape));
                     });
}

Var scale_channels(const Var& x, const Var& gate) {
  return Var::record("scale_channels", {{x, gate}}, ops::scale_channels(x.value(), gate.value()),
                     [x = x.value(), gate = gate.value()](const Tensor& dy, GradSink& grads) {
                       const auto [dx, dgate] = ops::scale_channels_backward(dy, x, gate);
                       if (grads.needs(0)) grads.give_new(0, dx);
                       if (grads.needs(1)) grads.give_new(1, dgate);
                     });
}

}  // namespace fedcamae
