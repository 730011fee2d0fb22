// Matrix products and convolutions.
#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae::ops {
namespace {

Shape gemm_shape(const Tensor& a, const Tensor& b, const GemmSpec& spec) {
  check_one_type("gemm", {&a, &b});
  check_rank("gemm", "a", a.shape(), 2);
  check_rank("gemm", "b", b.shape(), 2);
  const int64_t depth_a = a.shape()[spec.transpose_a ? 0 : 1];
  const int64_t depth_b = b.shape()[spec.transpose_b ? 1 : 0];
  check(depth_a == depth_b, "[gemm] inner sizes differ: a {}{}, b {}{}", a.shape(),
        spec.transpose_a ? " transposed" : "", b.shape(), spec.transpose_b ? " transposed" : "");
  return {a.shape()[spec.transpose_a ? 1 : 0], b.shape()[spec.transpose_b ? 0 : 1]};
}

}  // namespace

void gemm_into(const Tensor& a, const Tensor& b, const GemmSpec& spec, const Tensor& c) {
  check_shape("gemm", "c", c.shape(), gemm_shape(a, b, spec));
  check_device("gemm", {&c, &a});
  if (c.type() != ElementType::kFloat32) check_type("gemm", c.type(), {&a});
  c.context().backend().gemm(spec, a.view(), b.view(), c.view());
}

void gemm_adam_(const Tensor& dy, const Tensor& x, const WeightStep& step) {
  check_float32("gemm_adam", {&dy, &x, &step.gradient});
  check_shape("gemm_adam", "gradient", step.gradient.shape(),
              gemm_shape(dy, x, {.transpose_a = true}));
  dy.context().backend().gemm_adam(dy.view(), x.view(), step.gradient.view(),
                                   checked_update("gemm_adam", step));
}

Tensor gemm(const Tensor& a, const Tensor& b, const GemmSpec& spec, ElementType type) {
  check(!spec.accumulate, "[gemm] accumulate needs gemm_into: there is nothing to add to");
  Tensor c(a.context(), gemm_shape(a, b, spec), type);
  gemm_into(a, b, spec, c);
  return c;
}

Tensor transpose(const Tensor& x) {
  check_float32("transpose", {&x});
  check_rank("transpose", "x", x.shape(), 2);
  Tensor y(x.context(), {x.shape()[1], x.shape()[0]});
  x.context().backend().transpose(x.view(), y.view());
  return y;
}

Shape conv2d_shape(const Shape& x, const Shape& w, const ConvSpec& spec) {
  check_rank("conv2d", "x", x, 4);
  check_rank("conv2d", "weight", w, 4);
  check(spec.stride >= 1 && spec.padding >= 0 && spec.groups >= 1,
        "[conv2d] stride {} and groups {} are at least 1, padding {} at least 0", spec.stride,
        spec.groups, spec.padding);
  check(w.n() % spec.groups == 0, "[conv2d] {} groups do not divide the {} output channels of {}",
        spec.groups, w.n(), w);
  check(w.c() * spec.groups == x.c(),
        "[conv2d] weight {} with {} groups expects {} input channels, got x {}", w, spec.groups,
        w.c() * spec.groups, x);
  const int64_t h = x.h() + 2 * spec.padding - w.h();
  const int64_t width = x.w() + 2 * spec.padding - w.w();
  check(h >= 0 && width >= 0, "[conv2d] kernel {} with padding {} is larger than x {}", w,
        spec.padding, x);
  return {x.n(), h / spec.stride + 1, width / spec.stride + 1, w.n()};
}

Tensor conv2d(const Tensor& x, const Tensor& w, const ConvSpec& spec) {
  check_one_type("conv2d", {&x, &w});
  Tensor y(x.context(), conv2d_shape(x.shape(), w.shape(), spec), x.type());
  x.context().backend().conv2d(x.view(), w.view(), spec, y.view());
  return y;
}

Tensor conv2d_backward_data(const Tensor& dy, const Tensor& w, const Shape& x,
                            const ConvSpec& spec) {
  check_one_type("conv2d_backward_data", {&dy, &w});
  check_shape("conv2d_backward_data", "dy", dy.shape(), conv2d_shape(x, w.shape(), spec));
  Tensor dx(dy.context(), x, dy.type());
  dy.context().backend().conv2d_backward_data(dy.view(), w.view(), spec, dx.view());
  return dx;
}

void conv2d_backward_weight_into(const Tensor& dy, const Tensor& x, const ConvSpec& spec,
                                 const Tensor& dw) {
  check_one_type("conv2d_backward_weight", {&dy, &x, &dw});
  check_shape("conv2d_backward_weight", "dy", dy.shape(),
              conv2d_shape(x.shape(), dw.shape(), spec));
  dy.context().backend().conv2d_backward_weight(dy.view(), x.view(), spec, dw.view());
}

void conv2d_backward_weight_adam_(const Tensor& dy, const Tensor& x, const ConvSpec& spec,
                                  const WeightStep& step) {
  check_float32("conv2d_backward_weight_adam", {&dy, &x, &step.gradient});
  check_shape("conv2d_backward_weight_adam", "dy", dy.shape(),
              conv2d_shape(x.shape(), step.gradient.shape(), spec));
  dy.context().backend().conv2d_backward_weight_adam(
      dy.view(), x.view(), spec, step.gradient.view(),
      checked_update("conv2d_backward_weight_adam", step));
}

}  // namespace fedcamae::ops
