#include "autograd/functions.h"

namespace fedcamae {
namespace {

// Where the gradients of x, gamma, beta, residual go; `scratch` receives what the primitive must
// write though nobody asked for it.
ops::BatchNormOutputs outputs(GradSink& grads, const Tensor& x, const Tensor& gamma,
                              bool parameters_must) {
  const auto place = [&grads](int parent, const Tensor& like, bool must) {
    if (grads.needs(parent)) return grads.output(parent);
    return must ? Tensor(like.context(), like.shape()) : Tensor();
  };
  return {.dx = place(0, x, true),
          .dgamma = place(1, gamma, parameters_must),
          .dbeta = place(2, gamma, parameters_must),
          .dresidual = place(3, x, false)};
}

}  // namespace

Var batch_norm_train(const Var& x, const Var& gamma, const Var& beta, const Var& residual,
                     const BatchNormSpec& spec, const Tensor& running_mean,
                     const Tensor& running_var) {
  const ops::BatchNormResult r = ops::batch_norm_train(
      x.value(), gamma.value(), beta.value(), residual.value(), spec, running_mean, running_var);
  const Tensor kept_y = spec.relu ? r.y : Tensor();
  return Var::record("batch_norm_train", {{x, gamma, beta, residual}}, r.y,
                     [x = x.value(), gamma = gamma.value(), kept_y, mean = r.mean,
                      inv_std = r.inv_std, spec](const Tensor& dy, GradSink& grads) {
                       ops::batch_norm_train_backward(dy, x, kept_y, gamma, spec, mean, inv_std,
                                                      outputs(grads, x, gamma, true));
                     });
}

// By value: an x that is the caller's alone is nobody's but this function's.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Var batch_norm_eval(Var x, const Var& gamma, const Var& beta, const Var& residual,
                    const BatchNormSpec& spec, const Tensor& running_mean,
                    const Tensor& running_var) {
  const bool in_place = NoGrad::active() && x.value().sole();
  const Tensor y = in_place ? x.value() : Tensor(x.value().context(), x.shape(), x.type());
  ops::batch_norm_eval_into(x.value(), gamma.value(), beta.value(), residual.value(), spec,
                            running_mean, running_var, y);
  const Tensor kept_y = spec.relu ? y : Tensor();
  return Var::record("batch_norm_eval", {{x, gamma, beta, residual}}, y,
                     [x = x.value(), gamma = gamma.value(), kept_y, running_mean, running_var,
                      spec](const Tensor& dy, GradSink& grads) {
                       const bool both = grads.needs(1) || grads.needs(2);
                       ops::batch_norm_eval_backward(dy, x, kept_y, gamma, spec, running_mean,
                                                     running_var, outputs(grads, x, gamma, both));
                     });
}

}  // namespace fedcamae
