// Element types on the tape: casts, and which type each gradient has. Whole numbers up to 256 are
// bfloat16 numbers, so that sums of few are exact.
#include <doctest/doctest.h>

#include "autograd/functions.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::Inputs;

constexpr ElementType kNarrow = ElementType::kBfloat16, kWide = ElementType::kFloat32;

Tensor narrow(const Tensor& x) { return ops::cast(x, kNarrow); }

TEST_CASE("cast: the value is rounded, the gradient goes back to the parent's type") {
  testing::on_every_device([](Context& context) {
    const std::vector<float> numbers = {1.0f, 1.00390625f, -3.0f};  // the second is 1 + 2^-8
    const Var x = Var::leaf(Tensor::from(context, {3}, numbers));
    const Var y = cast(x, kNarrow);
    CHECK(y.type() == kNarrow);
    CHECK(y.value().to_host() == std::vector<float>{1.0f, 1.0f, -3.0f});
    const Tensor dy = Tensor::from(context, {3}, std::vector<float>{2.0f, 4.0f, 8.0f});
    const Tensor dx = gradients(y, {{x}}, narrow(dy))[0];
    CHECK(dx.type() == kWide);
    CHECK(dx.to_host() == dy.to_host());

    const Var z = Var::leaf(narrow(dy));
    const Var wide = cast(z, kWide);
    const Tensor dz = gradients(wide, {{z}}, Tensor::from(context, {3}, numbers))[0];
    CHECK(dz.type() == kNarrow);
    CHECK(dz.to_host() == std::vector<float>{1.0f, 1.0f, -3.0f});

    CHECK(cast(x, kWide).node() == x.node());
    CHECK_THROWS_WITH(gradients(y, {{x}}, dy), "[gradients] dy is float32, the output bfloat16");
  });
}

TEST_CASE("a cast parameter's gradient is widened into its own buffer, twice used it adds up") {
  testing::on_every_device([](Context& context) {
    const Shape shape{1, 3};
    const Tensor value = Tensor::from(context, shape, std::vector<float>{1, 2, 3});
    const Tensor buffer = Tensor::full(context, shape, -7.0f);
    const Var w = Var::parameter(value, buffer);
    const Var x = Var::constant(narrow(Tensor::from(context, shape, std::vector<float>{4, 5, 6})));
    const auto product = [&] { return linear(x, cast(w, kNarrow), Var()); };
    backward(product());
    CHECK(buffer.to_host() == std::vector<float>{4, 5, 6});
    CHECK(w.grad().data() == buffer.data());
    backward(add(product(), product()));
    CHECK(buffer.to_host() == std::vector<float>{8, 10, 12});
  });
}

TEST_CASE("bfloat16 contributions add up in bfloat16") {
  testing::on_every_device([](Context& context) {
    const Var x = Var::leaf(narrow(Tensor::from(context, {2}, std::vector<float>{3, -5})));
    const Tensor ones = Tensor::full(context, {2}, 1.0f, kNarrow);
    // x^2 + x + x: first a gradient that others hold, then one that is added to in place.
    const Var y = add(add(mul(x, x), x), x);
    const Tensor dx = gradients(y, {{x}}, ones)[0];
    CHECK(dx.type() == kNarrow);
    CHECK(dx.to_host() == std::vector<float>{8, -8});
  });
}

TEST_CASE("linear gives float32, convolution its input's type; biases are float32") {
  Inputs inputs(31);
  testing::on_every_device([&](Context& context) {
    const auto leaf = [&](const Shape& shape, bool rounded) {
      const Tensor t = testing::to_tensor(context, inputs.integers(shape));
      return Var::leaf(rounded ? narrow(t) : t);
    };
    const Var bias = leaf({4}, false);
    SUBCASE("linear") {
      const Var x = leaf({3, 5}, true), w = leaf({4, 5}, true);
      const Var y = linear(x, w, bias);
      CHECK(y.type() == kWide);
      // dy is no bfloat16 number: the products read it rounded, the bias does not.
      const Tensor dy = Tensor::full(context, {3, 4}, 1.001953125f);  // 1 + 2^-9
      const std::vector<Tensor> d = gradients(y, {{x, w, bias}}, dy);
      CHECK(d[0].type() == kNarrow);
      CHECK(d[1].type() == kNarrow);
      CHECK(d[2].to_host() == std::vector<float>(4, 3 * 1.001953125f));
      const Tensor ones = Tensor::full(context, {3, 4}, 1.0f);
      const Tensor wide_x = ops::cast(x.value(), kWide), wide_w = ops::cast(w.value(), kWide);
      testing::check_same_bits(d[0], ops::gemm(ones, wide_w));
      testing::check_same_bits(d[1], ops::gemm(ones, wide_x, {.transpose_a = true}));
    }
    SUBCASE("conv2d") {
      const Var x = leaf({2, 3, 3, 5}, true), w = leaf({4, 1, 1, 5}, true);
      const Var y = conv2d(x, w, bias);
      CHECK(y.type() == kNarrow);
      const std::vector<Tensor> d = gradients(y, {{x, w, bias}});
      CHECK(d[0].type() == kNarrow);
      CHECK(d[1].type() == kNarrow);
      CHECK(d[2].to_host() == std::vector<float>(4, 18.0f));
      CHECK(gradients(sigmoid(y), {{x}})[0].type() == kNarrow);
    }
  });
}

TEST_CASE("a gradient of another type than its value is refused") {
  Context context(testing::device_options(1));
  const Var x = Var::leaf(Tensor::full(context, {2}, 1.0f));
  const Var y = Var::record("wrong", {{x}}, x.value(),
                            [](const Tensor& dy, GradSink& grads) { grads.give(0, narrow(dy)); });
  CHECK_THROWS_WITH(gradients(y, {{x}}), "[wrong] gradient of argument 0 is bfloat16, not float32");
  CHECK_THROWS_WITH(Var::parameter(x.value(), narrow(x.value())),
                    "[parameter] value is float32, its gradient buffer bfloat16");
}

}  // namespace
}  // namespace fedcamae
