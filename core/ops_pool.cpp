// Pooling and resizing.
#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae::ops {

Shape pool_shape(const Shape& x, const PoolSpec& spec) {
  check_rank("pool", "x", x, 4);
  check(spec.window >= 1 && spec.stride >= 1, "[pool] window {} and stride {} are at least 1",
        spec.window, spec.stride);
  check(spec.padding >= 0 && 2 * spec.padding <= spec.window,
        "[pool] padding {} is from 0 to half of the window {}", spec.padding, spec.window);
  const int64_t h = x.h() + 2 * spec.padding - spec.window;
  const int64_t w = x.w() + 2 * spec.padding - spec.window;
  check(h >= 0 && w >= 0, "[pool] window {} with padding {} is larger than x {}", spec.window,
        spec.padding, x);
  return {x.n(), h / spec.stride + 1, w / spec.stride + 1, x.c()};
}

Tensor max_pool(const Tensor& x, const PoolSpec& spec) {
  check_device("max_pool", {&x});
  Tensor y(x.context(), pool_shape(x.shape(), spec), x.type());
  x.context().backend().max_pool(x.view(), spec, y.view());
  return y;
}

Tensor max_pool_backward(const Tensor& dy, const Tensor& x, const PoolSpec& spec) {
  check_one_type("max_pool_backward", {&dy, &x});
  check_shape("max_pool_backward", "dy", dy.shape(), pool_shape(x.shape(), spec));
  Tensor dx(x.context(), x.shape(), x.type());
  x.context().backend().max_pool_backward(dy.view(), x.view(), spec, dx.view());
  return dx;
}

Tensor avg_pool(const Tensor& x, const PoolSpec& spec) {
  check_device("avg_pool", {&x});
  Tensor y(x.context(), pool_shape(x.shape(), spec), x.type());
  x.context().backend().avg_pool(x.view(), spec, y.view());
  return y;
}

Tensor avg_pool_backward(const Tensor& dy, const Shape& x, const PoolSpec& spec) {
  check_device("avg_pool_backward", {&dy});
  check_shape("avg_pool_backward", "dy", dy.shape(), pool_shape(x, spec));
  Tensor dx(dy.context(), x, dy.type());
  dy.context().backend().avg_pool_backward(dy.view(), spec, dx.view());
  return dx;
}

Tensor global_avg_pool(const Tensor& x) {
  check_device("global_avg_pool", {&x});
  check_rank("global_avg_pool", "x", x.shape(), 4);
  check(x.shape().h() * x.shape().w() > 0, "[global_avg_pool] {} has no pixels", x.shape());
  Tensor y(x.context(), {x.shape().n(), x.shape().c()}, x.type());
  x.context().backend().global_avg_pool(x.view(), y.view());
  return y;
}

Tensor global_avg_pool_backward(const Tensor& dy, const Shape& x) {
  check_device("global_avg_pool_backward", {&dy});
  check_rank("global_avg_pool_backward", "x", x, 4);
  check_shape("global_avg_pool_backward", "dy", dy.shape(), Shape{x.n(), x.c()});
  Tensor dx(dy.context(), x, dy.type());
  dy.context().backend().global_avg_pool_backward(dy.view(), dx.view());
  return dx;
}

Tensor resize_bilinear(const Tensor& x, int64_t height, int64_t width) {
  check_float32("resize_bilinear", {&x});
  check_rank("resize_bilinear", "x", x.shape(), 4);
  check(height >= 1 && width >= 1 && x.shape().h() >= 1 && x.shape().w() >= 1,
        "[resize_bilinear] cannot resize {} to {} x {}", x.shape(), height, width);
  Tensor y(x.context(), {x.shape().n(), height, width, x.shape().c()});
  x.context().backend().resize_bilinear(x.view(), y.view());
  return y;
}

}  // namespace fedcamae::ops
