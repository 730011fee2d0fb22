// A dense autoencoder's training step: of other primitives, for devices that have none of their
// own, and the checked functions.
#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae {

double Backend::decoder_step(const DecoderStep& s) {
  const auto count = static_cast<double>(s.x.size());
  gemm({.transpose_b = true}, s.hidden, s.weight.parameter, s.y);
  add_row(s.bias.parameter, s.y);
  unary(Unary::kSigmoid, s.y, s.y);
  const double loss = squared_distance(s.y, s.x) / count;
  binary(Binary::kSubtract, s.y, s.x, s.dy);
  scale(static_cast<float>(2 / count), s.dy);
  unary_backward(Unary::kSigmoid, s.dy, s.y, s.dy);
  gemm({}, s.dy, s.weight.parameter, s.dhidden);
  gemm_adam(s.dy, s.hidden, s.weight_gradient, s.weight);
  sum_rows(s.dy, s.bias_gradient);
  adam_step(s.bias.spec, s.bias.step, s.bias_gradient, s.bias.parameter, s.bias.m, s.bias.v);
  return loss;
}

void Backend::encoder_step(const EncoderStep& s) {
  gemm_adam(s.x, s.dz, s.weight_gradient, s.weight);
  gemm({}, s.x, s.weight.parameter, s.z);
}

namespace ops {
namespace {

void check_weight(const char* op, const Tensor& x, const Tensor& x_t, const Tensor& units,
                  const WeightStep& weight) {
  check_rank(op, "x", x.shape(), 2);
  check_shape(op, "x_t", x_t.shape(), {x.shape()[1], x.shape()[0]});
  check_rank(op, "the hidden layer", units.shape(), 2);
  check_shape(op, "the hidden layer", units.shape(), {x.shape()[0], units.shape()[1]});
  check_shape(op, "weight", weight.parameter.shape(), {x.shape()[1], units.shape()[1]});
}

}  // namespace

DecoderResult decoder_step_(const Tensor& x, const Tensor& x_t, const Tensor& hidden,
                            const WeightStep& weight, const WeightStep& bias) {
  check_float32("decoder_step", {&x, &x_t, &hidden, &weight.parameter, &bias.parameter});
  check_weight("decoder_step", x, x_t, hidden, weight);
  check_shape("decoder_step", "bias", bias.parameter.shape(), {x.shape()[1]});
  const Tensor y(x.context(), x.shape()), dy(x.context(), x.shape());
  Tensor dhidden(x.context(), hidden.shape());
  const double loss = x.context().backend().decoder_step(
      {x.view(), x_t.view(), hidden.view(), checked_update("decoder_step", weight),
       checked_update("decoder_step", bias), weight.gradient.view(), bias.gradient.view(), y.view(),
       dy.view(), dhidden.view()});
  return {loss, dhidden};
}

Tensor encoder_step_(const Tensor& x, const Tensor& x_t, const Tensor& dz,
                     const WeightStep& weight) {
  check_float32("encoder_step", {&x, &x_t, &dz, &weight.parameter});
  check_weight("encoder_step", x, x_t, dz, weight);
  Tensor z(x.context(), dz.shape());
  x.context().backend().encoder_step({x.view(), x_t.view(), dz.view(),
                                      checked_update("encoder_step", weight),
                                      weight.gradient.view(), z.view()});
  return z;
}

}  // namespace ops
}  // namespace fedcamae
