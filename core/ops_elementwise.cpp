#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae::ops {

Tensor cast(const Tensor& x, ElementType type) {
  check_device("cast", {&x});
  if (x.type() == type) return x;
  Tensor y(x.context(), x.shape(), type);
  x.context().backend().cast(x.view(), y.view());
  return y;
}

void cast_into(const Tensor& x, const Tensor& y) {
  check_device("cast", {&y, &x});
  check_shape("cast", "y", y.shape(), x.shape());
  x.context().backend().cast(x.view(), y.view());
}

Tensor unary(Unary f, const Tensor& x) {
  check_device("unary", {&x});
  Tensor y(x.context(), x.shape(), x.type());
  x.context().backend().unary(f, x.view(), y.view());
  return y;
}

Tensor unary_backward(Unary f, const Tensor& dy, const Tensor& kept) {
  check_one_type("unary_backward", {&dy, &kept});
  check_shape("unary_backward", "dy", dy.shape(), kept.shape());
  Tensor dx(dy.context(), dy.shape(), dy.type());
  dy.context().backend().unary_backward(f, dy.view(), kept.view(), dx.view());
  return dx;
}

Tensor binary(Binary f, const Tensor& a, const Tensor& b) {
  check_one_type("binary", {&a, &b});
  check_shape("binary", "the second argument", b.shape(), a.shape());
  Tensor y(a.context(), a.shape(), a.type());
  a.context().backend().binary(f, a.view(), b.view(), y.view());
  return y;
}

void fill_(const Tensor& x, float value) {
  check_device("fill", {&x});
  x.context().backend().fill(x.view(), value);
}

void copy_(const Tensor& from, const Tensor& to) {
  const Tensor* const both[] = {&to, &from};
  check_same_device("copy", both);
  check_type("copy", to.type(), {&from});
  check_same_size("copy", from, to);
  read_across(to.context(), both,
              [&](Backend& backend) { backend.copy(from.data(), to.data(), to.view().bytes()); });
}

void axpy_(float alpha, const Tensor& x, const Tensor& y) {
  const Tensor* const both[] = {&y, &x};
  check_same_device("axpy", both);
  check_type("axpy", ElementType::kFloat32, {&y, &x});
  check_same_size("axpy", x, y);
  read_across(y.context(), both,
              [&](Backend& backend) { backend.axpy(alpha, x.view(), y.view()); });
}

void scale_(float alpha, const Tensor& x) {
  check_float32("scale", {&x});
  x.context().backend().scale(alpha, x.view());
}

void clamp_(float low, float high, const Tensor& x) {
  check_float32("clamp", {&x});
  check(low <= high, "[clamp] low {} is above high {}", low, high);
  x.context().backend().clamp(low, high, x.view());
}

void scale_to_unit_(const Tensor& x) {
  check_float32("scale_to_unit", {&x});
  check(x.shape().back() > 0, "[scale_to_unit] rows are empty: {}", x.shape());
  x.context().backend().scale_to_unit_last(x.view());
}

void fill_normal_(const RandomKey& key, double mean, double deviation, const Tensor& x) {
  check_float32("fill_normal", {&x});
  x.context().backend().fill_normal(key, mean, deviation, x.view());
}

void fill_uniform_(const RandomKey& key, int64_t first, double low, double high, const Tensor& x) {
  check_device("fill_uniform", {&x});
  check(first >= 0, "[fill_uniform] the first number is at least 0, got {}", first);
  x.context().backend().fill_uniform(key, first, low, high, x.view());
}

void add_(const Tensor& x, const Tensor& y) {
  check_one_type("add", {&y, &x});
  check_shape("add", "y", y.shape(), x.shape());
  y.context().backend().binary(Binary::kAdd, y.view(), x.view(), y.view());
}

void add_row_(const Tensor& b, const Tensor& x) {
  check_device("add_row", {&x, &b});
  check_type("add_row", ElementType::kFloat32, {&b});
  check_shape("add_row", "the row", b.shape(), Shape{x.shape().back()});
  x.context().backend().add_row(b.view(), x.view());
}

namespace {

void check_gate(const char* op, const Tensor& x, const Tensor& gate) {
  check_rank(op, "x", x.shape(), 4);
  check_shape(op, "the gate", gate.shape(), Shape{x.shape().n(), x.shape().c()});
}

}  // namespace

Tensor scale_channels(const Tensor& x, const Tensor& gate) {
  check_one_type("scale_channels", {&x, &gate});
  check_gate("scale_channels", x, gate);
  Tensor y(x.context(), x.shape(), x.type());
  x.context().backend().scale_channels(x.view(), gate.view(), y.view());
  return y;
}

ScaleChannelsGrads scale_channels_backward(const Tensor& dy, const Tensor& x, const Tensor& gate) {
  check_one_type("scale_channels_backward", {&x, &dy, &gate});
  check_gate("scale_channels_backward", x, gate);
  check_shape("scale_channels_backward", "dy", dy.shape(), x.shape());
  ScaleChannelsGrads d{Tensor(x.context(), x.shape(), x.type()),
                       Tensor(x.context(), gate.shape(), x.type())};
  x.context().backend().scale_channels_backward(dy.view(), x.view(), gate.view(), d.dx.view(),
                                                d.dgate.view());
  return d;
}

}  // namespace fedcamae::ops
