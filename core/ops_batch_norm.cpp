#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae::ops {
namespace {

void check_forward(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                   const Tensor& residual, const Tensor& running_mean, const Tensor& running_var) {
  check_device(op, {&x, &gamma, &beta, &running_mean, &running_var});
  check_type(op, ElementType::kFloat32, {&gamma, &beta, &running_mean, &running_var});
  const Shape channels{x.shape().back()};
  check_shape(op, "gamma", gamma.shape(), channels);
  check_shape(op, "beta", beta.shape(), channels);
  check_shape(op, "running_mean", running_mean.shape(), channels);
  check_shape(op, "running_var", running_var.shape(), channels);
  if (!residual.defined()) return;
  check_one_type(op, {&x, &residual});
  check_shape(op, "residual", residual.shape(), x.shape());
}

void check_backward(const char* op, const Tensor& dy, const Tensor& x, const Tensor& y,
                    const Tensor& gamma, bool relu, const Tensor& mean, const Tensor& spread,
                    const BatchNormOutputs& out) {
  check_device(op, {&x, &dy, &gamma, &mean, &spread, &out.dx});
  check_type(op, x.type(), {&dy, &out.dx});
  check_type(op, ElementType::kFloat32, {&gamma, &mean, &spread});
  const Shape channels{x.shape().back()};
  check_shape(op, "dy", dy.shape(), x.shape());
  check_shape(op, "dx", out.dx.shape(), x.shape());
  check_shape(op, "gamma", gamma.shape(), channels);
  check_shape(op, "the means", mean.shape(), channels);
  check_shape(op, "the deviations", spread.shape(), channels);
  check(!relu || (y.defined() && y.shape() == x.shape()),
        "[{}] with ReLU the output y {} is needed", op, x.shape());
  check(out.dgamma.defined() == out.dbeta.defined(), "[{}] dgamma and dbeta go together", op);
  for (const Tensor* t : {&out.dgamma, &out.dbeta})
    if (t->defined()) {
      check_shape(op, "a parameter's gradient", t->shape(), channels);
      check_type(op, ElementType::kFloat32, {t});
    }
  if (relu) check_type(op, x.type(), {&y});
  if (!out.dresidual.defined()) return;
  check_shape(op, "dresidual", out.dresidual.shape(), x.shape());
  check_type(op, x.type(), {&out.dresidual});
}

// Undefined: an empty view.
View view_of(const Tensor& t) { return t.defined() ? t.view() : View{}; }

BatchNormGrads views(const BatchNormOutputs& out) {
  return {view_of(out.dx), view_of(out.dgamma), view_of(out.dbeta), view_of(out.dresidual)};
}

}  // namespace

BatchNormResult batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                 const Tensor& residual, const BatchNormSpec& spec,
                                 const Tensor& running_mean, const Tensor& running_var) {
  check_forward("batch_norm_train", x, gamma, beta, residual, running_mean, running_var);
  check(x.shape().rows() > 1, "[batch_norm_train] more than one value per channel, got x {}",
        x.shape());
  Context& context = x.context();
  BatchNormResult result{Tensor(context, x.shape(), x.type()), Tensor(context, gamma.shape()),
                         Tensor(context, gamma.shape())};
  context.backend().batch_norm_train(view_of(x), gamma.view(), beta.view(), view_of(residual), spec,
                                     running_mean.view(), running_var.view(), view_of(result.y),
                                     {result.mean.view(), result.inv_std.view()});
  return result;
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                       const Tensor& residual, const BatchNormSpec& spec,
                       const Tensor& running_mean, const Tensor& running_var) {
  Tensor y(x.context(), x.shape(), x.type());
  batch_norm_eval_into(x, gamma, beta, residual, spec, running_mean, running_var, y);
  return y;
}

void batch_norm_eval_into(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                          const Tensor& residual, const BatchNormSpec& spec,
                          const Tensor& running_mean, const Tensor& running_var, const Tensor& y) {
  check_forward("batch_norm_eval", x, gamma, beta, residual, running_mean, running_var);
  check_one_type("batch_norm_eval", {&x, &y});
  check_shape("batch_norm_eval", "y", y.shape(), x.shape());
  x.context().backend().batch_norm_eval(view_of(x), gamma.view(), beta.view(), view_of(residual),
                                        spec, running_mean.view(), running_var.view(), view_of(y));
}

void batch_norm_train_backward(const Tensor& dy, const Tensor& x, const Tensor& y,
                               const Tensor& gamma, const BatchNormSpec& spec, const Tensor& mean,
                               const Tensor& inv_std, const BatchNormOutputs& out) {
  check_backward("batch_norm_train_backward", dy, x, y, gamma, spec.relu, mean, inv_std, out);
  check(out.dgamma.defined(), "[batch_norm_train_backward] dgamma and dbeta are always made");
  x.context().backend().batch_norm_train_backward(view_of(dy), view_of(x), view_of(y), gamma.view(),
                                                  spec, {mean.view(), inv_std.view()}, views(out));
}

void batch_norm_eval_backward(const Tensor& dy, const Tensor& x, const Tensor& y,
                              const Tensor& gamma, const BatchNormSpec& spec,
                              const Tensor& running_mean, const Tensor& running_var,
                              const BatchNormOutputs& out) {
  check_backward("batch_norm_eval_backward", dy, x, y, gamma, spec.relu, running_mean, running_var,
                 out);
  x.context().backend().batch_norm_eval_backward(view_of(dy), view_of(x), view_of(y), gamma.view(),
                                                 spec, running_mean.view(), running_var.view(),
                                                 views(out));
}

}  // namespace fedcamae::ops
