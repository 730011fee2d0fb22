// bfloat16 tensors on every device: what an operation makes of them is what it makes of the same
// numbers in float32, rounded once.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "core/ops.h"
#include "core/reference/conv.h"
#include "core/reference/pool.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::Array;
using testing::Inputs;

constexpr ElementType kNarrow = ElementType::kBfloat16, kWide = ElementType::kFloat32;
// Half a unit in the last place, relative to the number: what one rounding to 8 bits may move.
constexpr double kHalfUlp = 0x1p-8;
// Below it bfloat16 has fewer bits.
constexpr double kTiny = 0x1p-126;

using Tensors = std::vector<Tensor>;
using Op = std::function<Tensors(const Tensors&)>;

// The same bits where `terms` is 0 (no sum: a formula has one result); else within the rounding of
// a float32 sum and one of the result.
void check_rounded(const Tensor& got, const Tensor& exact, int64_t terms) {
  if (terms == 0) return testing::check_same_bits(got, ops::cast(exact, got.type()));
  const std::vector<float> a = got.to_host(), b = exact.to_host();
  REQUIRE(got.shape() == exact.shape());
  double largest = 1;
  for (const float v : b) largest = std::max(largest, std::abs(static_cast<double>(v)));
  const double half = got.type() == kNarrow ? kHalfUlp : 0;
  int64_t wrong = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    const double allowed = half * std::abs(static_cast<double>(b[i])) + kTiny +
                           (1 + half) * testing::rounding(terms) * largest;
    if (!(error <= allowed)) ++wrong;
  }
  CHECK(wrong == 0);
}

// `inputs` as bfloat16 and, the same numbers, as float32.
void check_op(Context& context, const std::vector<Array<double>>& inputs, int64_t terms,
              const Op& op) {
  Tensors narrow, wide;
  for (const Array<double>& x : inputs) {
    narrow.push_back(ops::cast(testing::to_tensor(context, x), kNarrow));
    wide.push_back(ops::cast(narrow.back(), kWide));
  }
  const Tensors got = op(narrow), exact = op(wide);
  REQUIRE(got.size() == exact.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    check_rounded(got[i], exact[i], terms);
  }
}

// A pass over shapes with every remainder of a vector, and one for several threads.
const Shape kImages[] = {{1, 3, 3, 1}, {2, 5, 4, 7}, {1, 7, 6, 19}, {2, 3, 3, 37}, {2, 33, 31, 40}};

template <class Body>
void on_images(uint64_t seed, const Body& body) {
  Inputs inputs(seed);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& image : kImages) {
      CAPTURE(image.str());
      body(context, inputs, image);
    }
  });
}

TEST_CASE("bfloat16: elementwise, to the bit") {
  on_images(302, [](Context& context, Inputs& inputs, const Shape& image) {
    const auto x = inputs.uniform(image, 0.2, 5.0), dy = inputs.reals(image);
    for (const Unary f : {Unary::kRelu, Unary::kSigmoid, Unary::kExp, Unary::kLog, Unary::kSquare,
                          Unary::kNegate, Unary::kSqrt, Unary::kSign}) {
      CAPTURE(static_cast<int>(f));
      const bool positive = f == Unary::kLog || f == Unary::kSqrt;
      check_op(context, {positive ? x : dy}, 0,
               [f](const Tensors& t) -> Tensors { return {ops::unary(f, t[0])}; });
      check_op(context, {dy, x}, 0,
               [f](const Tensors& t) -> Tensors { return {ops::unary_backward(f, t[0], t[1])}; });
    }
    for (const Binary f :
         {Binary::kAdd, Binary::kSubtract, Binary::kMultiply, Binary::kDivide, Binary::kMaximum}) {
      CAPTURE(static_cast<int>(f));
      check_op(context, {dy, x}, 0,
               [f](const Tensors& t) -> Tensors { return {ops::binary(f, t[0], t[1])}; });
    }
    const Tensor bias = testing::to_tensor(context, inputs.reals({image.c()}));
    check_op(context, {dy, x}, 0, [&](const Tensors& t) -> Tensors {
      const Tensor sum = t[0].clone(), shifted = t[0].clone();
      ops::add_(t[1], sum);
      ops::add_row_(bias, shifted);
      return {sum, shifted};
    });
  });
}

TEST_CASE("bfloat16: gating, pools, and sums over rows, which are float32") {
  on_images(303, [](Context& context, Inputs& inputs, const Shape& image) {
    const PoolSpec spec{.window = 3, .stride = 2, .padding = 1};
    const Shape pooled = reference::pool_shape(image, spec), channels{image.n(), image.c()};
    const int64_t pixels = image.h() * image.w();
    const auto x = inputs.reals(image), dy = inputs.reals(pooled), gate = inputs.reals(channels);
    check_op(context, {x, gate}, 0,
             [](const Tensors& t) -> Tensors { return {ops::scale_channels(t[0], t[1])}; });
    check_op(context, {inputs.reals(image), x, gate}, pixels, [](const Tensors& t) -> Tensors {
      const auto d = ops::scale_channels_backward(t[0], t[1], t[2]);
      return {d.dx, d.dgate};
    });
    check_op(context, {x}, 0,
             [&](const Tensors& t) -> Tensors { return {ops::max_pool(t[0], spec)}; });
    // Two sums at most in any order.
    check_op(context, {dy, x}, 4, [&](const Tensors& t) -> Tensors {
      return {ops::max_pool_backward(t[0], t[1], spec)};
    });
    check_op(context, {x, dy}, 9, [&](const Tensors& t) -> Tensors {
      return {ops::avg_pool(t[0], spec), ops::avg_pool_backward(t[1], image, spec)};
    });
    check_op(context, {x, gate}, pixels, [&](const Tensors& t) -> Tensors {
      return {ops::global_avg_pool(t[0]), ops::global_avg_pool_backward(t[1], image)};
    });
    check_op(context, {x}, image.rows(), [](const Tensors& t) -> Tensors {
      const Tensor sums = ops::sum_rows(t[0]);
      CHECK(sums.type() == kWide);
      return {sums};
    });
  });
}

TEST_CASE("bfloat16: matrix products, to bfloat16 and to float32") {
  Inputs inputs(304);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& size :
         {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{19, 37, 21}, Shape{1, 130, 9}, Shape{65, 40, 300}})
      for (int variant = 0; variant < 4; ++variant) {
        CAPTURE(size.str());
        CAPTURE(variant);
        const GemmSpec spec{.transpose_a = (variant & 1) != 0, .transpose_b = (variant & 2) != 0};
        const int64_t m = size[0], n = size[1], k = size[2];
        check_op(
            context,
            {inputs.reals(spec.transpose_a ? Shape{k, m} : Shape{m, k}),
             inputs.reals(spec.transpose_b ? Shape{n, k} : Shape{k, n}), inputs.reals({m, n})},
            k, [&](const Tensors& t) -> Tensors {
              const Tensor added = t[2].clone();
              GemmSpec accumulate = spec;
              accumulate.accumulate = true;
              ops::gemm_into(t[0], t[1], accumulate, added);
              return {ops::gemm(t[0], t[1], spec), ops::gemm(t[0], t[1], spec, t[0].type()), added};
            });
      }
  });
}

TEST_CASE("bfloat16: convolution and both gradients") {
  on_images(305, [](Context& context, Inputs& inputs, const Shape& image) {
    const int64_t c = image.c();
    struct Case {
      Shape w;
      ConvSpec spec;
    };
    for (const Case& k : {Case{{5, 1, 1, c}, {}}, Case{{21, 3, 3, c}, {.padding = 1}},
                          Case{{3, 3, 3, c}, {.stride = 2, .padding = 1}},
                          Case{{c, 3, 3, 1}, {.padding = 1, .groups = c}}}) {
      CAPTURE(k.w.str());
      const Shape out = reference::conv2d_shape(image, k.w, k.spec);
      const auto x = inputs.reals(image), w = inputs.reals(k.w), dy = inputs.reals(out);
      check_op(context, {x, w}, k.w.size() / k.w.n(),
               [&](const Tensors& t) -> Tensors { return {ops::conv2d(t[0], t[1], k.spec)}; });
      check_op(context, {dy, w}, k.w.size() / k.w.c(), [&](const Tensors& t) -> Tensors {
        return {ops::conv2d_backward_data(t[0], t[1], image, k.spec)};
      });
      check_op(context, {dy, x}, out.rows(), [&](const Tensors& t) -> Tensors {
        const Tensor dw(t[0].context(), k.w, t[0].type());
        ops::conv2d_backward_weight_into(t[0], t[1], k.spec, dw);
        return {dw};
      });
    }
  });
}

TEST_CASE("bfloat16: batch norm, its statistics and parameters in float32") {
  on_images(306, [](Context& context, Inputs& inputs, const Shape& image) {
    const Shape channels{image.c()};
    const Tensor gamma = testing::to_tensor(context, inputs.reals(channels)),
                 beta = testing::to_tensor(context, inputs.reals(channels)),
                 mean = testing::to_tensor(context, inputs.reals(channels)),
                 var = testing::to_tensor(context, inputs.uniform(channels, 0.5, 2.0));
    const auto x = inputs.reals(image), dy = inputs.reals(image), residual = inputs.reals(image);
    for (const bool relu : {false, true}) {
      CAPTURE(relu);
      const BatchNormSpec spec{.relu = relu};
      check_op(context, {x, residual}, image.rows(), [&](const Tensors& t) -> Tensors {
        const Tensor m = mean.clone(), v = var.clone();
        const auto r = ops::batch_norm_train(t[0], gamma, beta, t[1], spec, m, v);
        return {r.y, r.mean, r.inv_std,
                m,   v,      ops::batch_norm_eval(t[0], gamma, beta, t[1], spec, mean, var)};
      });
      check_op(context, {dy, x, residual}, image.rows(), [&](const Tensors& t) -> Tensors {
        const auto like = [&](const Tensor& of) { return Tensor(context, of.shape(), of.type()); };
        const ops::BatchNormOutputs train{like(t[1]), like(gamma), like(gamma), like(t[1])},
            eval{like(t[1]), like(gamma), like(gamma), like(t[1])};
        ops::batch_norm_train_backward(t[0], t[1], t[2], gamma, spec, mean, var, train);
        ops::batch_norm_eval_backward(t[0], t[1], t[2], gamma, spec, mean, var, eval);
        return {train.dx, train.dgamma, train.dbeta, train.dresidual,
                eval.dx,  eval.dgamma,  eval.dbeta,  eval.dresidual};
      });
    }
  });
}

TEST_CASE("bfloat16: what is written lies inside its window, at any address") {
  Inputs inputs(307);
  constexpr int64_t kZone = 67;  // odd: an address that is aligned to nothing but a bfloat16
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    const Shape image{2, 3, 3, 19}, kernel{7, 3, 3, 19};
    const auto narrow = [&](const Shape& shape) {
      const Tensor whole = Tensor::full(context, {shape.size() + 1}, NAN, kNarrow);
      Tensor inner = whole.window(1, shape);
      ops::cast_into(testing::to_tensor(context, inputs.reals(shape)), inner);
      return inner;
    };
    // Runs write(window) and looks at both zones and for what stayed NaN.
    const auto check_window = [&](const Shape& shape, const std::function<void(Tensor)>& write) {
      const Tensor whole = Tensor::full(context, {shape.size() + 2 * kZone}, 3.0f, kNarrow);
      const Tensor inner = whole.window(kZone, shape);
      ops::fill_(inner, NAN);
      write(inner);
      int64_t wrong = 0, at = 0;
      for (const float v : whole.to_host()) {
        const bool inside = at >= kZone && at < kZone + shape.size();
        if (inside ? !std::isfinite(v) : v != 3.0f) ++wrong;
        ++at;
      }
      CHECK(wrong == 0);
    };
    const Tensor x = narrow(image), dy = narrow({2, 3, 3, 7});
    const Tensor row = testing::to_tensor(context, inputs.reals({19}));
    check_window(image, [&](const Tensor& y) { ops::fill_(y, 1.0f); });
    check_window(image, [&](const Tensor& y) { ops::copy_(x, y); });
    check_window(image, [&](const Tensor& y) {
      ops::copy_(x, y);
      ops::add_(x, y);
      ops::add_row_(row, y);
    });
    check_window({19, 7}, [&](const Tensor& y) {
      ops::gemm_into(x.reshape({18, 19}), dy.reshape({18, 7}), {.transpose_a = true}, y);
    });
    check_window(kernel, [&](const Tensor& y) {
      ops::conv2d_backward_weight_into(dy, x, {.padding = 1}, y);
    });
    const Tensor var = Tensor::full(context, {19}, 1.5f);
    const auto norm = [&](const Tensor& dx, const Tensor& dresidual) {
      ops::batch_norm_train_backward(x, x, x, row, {.relu = true}, row, var,
                                     {dx, Tensor(context, {19}), Tensor(context, {19}), dresidual});
    };
    check_window(image, [&](const Tensor& y) { norm(y, narrow(image)); });
    check_window(image, [&](const Tensor& y) { norm(narrow(image), y); });
  });
}

}  // namespace
}  // namespace fedcamae
