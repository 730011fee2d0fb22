// Elementwise operations, vector operations and channel gating on every device.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/reference/elementwise.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

// A vector tile, one more, one less; long enough for several threads.
constexpr int64_t kSizes[] = {1, 7, 15, 16, 17, 33, 1000, 100003};
// exp and log of a device may be a few units in the last place off.
constexpr double kFormula = 8 * testing::kEps;
constexpr Unary kUnary[] = {Unary::kRelu,   Unary::kSigmoid, Unary::kExp,  Unary::kLog,
                            Unary::kSquare, Unary::kNegate,  Unary::kSqrt, Unary::kSign};
constexpr Binary kBinary[] = {Binary::kAdd, Binary::kSubtract, Binary::kMultiply, Binary::kDivide,
                              Binary::kMaximum};

TEST_CASE("unary and its backward") {
  Inputs inputs(51);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Unary f : kUnary)
      for (const int64_t size : kSizes) {
        CAPTURE(static_cast<int>(f));
        CAPTURE(size);
        const bool positive = f == Unary::kLog || f == Unary::kSqrt;
        const auto x =
            positive ? inputs.uniform({size}, 0.2, 5.0) : inputs.away_from_zero({size}, 0.01);
        const auto dy = inputs.reals({size});
        const Tensor tx = testing::to_tensor(context, x);
        const Tensor y = ops::unary(f, tx);
        testing::check_close(y, reference::unary(f, x), kFormula);
        const Tensor& kept = fn::keeps(f) == Keeps::kInput ? tx : y;
        testing::check_close(ops::unary_backward(f, testing::to_tensor(context, dy), kept),
                             reference::unary_backward(f, dy, x), kFormula);
      }
  });
}

TEST_CASE("binary") {
  Inputs inputs(52);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Binary f : kBinary)
      for (const int64_t size : kSizes) {
        CAPTURE(static_cast<int>(f));
        CAPTURE(size);
        const auto a = inputs.reals({size}), b = inputs.uniform({size}, 0.5, 2.0);
        testing::check_close(
            ops::binary(f, testing::to_tensor(context, a), testing::to_tensor(context, b)),
            reference::binary(f, a, b), kFormula);
      }
  });
}

TEST_CASE("relu keeps a NaN, sigmoid and exp saturate") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  testing::on_every_device([&](Context& context) {
    const Tensor x = Tensor::from(context, {4}, std::vector<float>{kNan, -kInf, kInf, -200.0f});
    const auto relu = ops::relu(x).to_host(), sigmoid = ops::sigmoid(x).to_host();
    CHECK(std::isnan(relu[0]));
    CHECK(relu[1] == 0.0f);
    CHECK(relu[2] == kInf);
    CHECK(std::isnan(sigmoid[0]));
    CHECK(sigmoid[1] == 0.0f);
    CHECK(sigmoid[2] == 1.0f);
    CHECK(sigmoid[3] <= 1e-37f);
  });
}

TEST_CASE("axpy, scale, fill, copy on vectors of any length") {
  Inputs inputs(53);
  testing::on_every_device([&](Context& context) {
    for (const int64_t size : kSizes) {
      CAPTURE(size);
      const auto x = inputs.reals({size}), y = inputs.reals({size});
      const Tensor tx = testing::to_tensor(context, x), ty = testing::to_tensor(context, y);
      ops::axpy_(-0.75f, tx, ty);
      testing::check_close(ty, reference::axpy(-0.75, x, y), 2 * testing::kEps);
      ops::scale_(0.5f, tx);  // a power of two: exact
      testing::check_equal(tx, reference::axpy(-0.5, x, x));
      ops::copy_(tx, ty);
      testing::check_same_bits(tx, ty);
      ops::fill_(ty, 2.5f);
      testing::check_equal(ty, Array<double>(Shape{size}, 2.5));
    }
  });
}

TEST_CASE("clamp: both ends, and a NaN stays") {
  testing::on_every_device([&](Context& context) {
    std::vector<float> host(37, 0.0f);
    host[0] = -9, host[1] = 9, host[2] = std::numeric_limits<float>::quiet_NaN(), host[36] = -3;
    host[20] = std::numeric_limits<float>::quiet_NaN();
    const Tensor x = Tensor::from(context, {37}, host);
    ops::clamp_(-1.0f, 2.0f, x);
    const auto y = x.to_host();
    CHECK(y[0] == -1.0f);
    CHECK(y[1] == 2.0f);
    CHECK(std::isnan(y[2]));
    CHECK(std::isnan(y[20]));
    CHECK(y[36] == -1.0f);
    CHECK(y[10] == 0.0f);
  });
}

TEST_CASE("add_row: a bias on images and on matrices") {
  Inputs inputs(54);
  testing::on_every_device([&](Context& context) {
    for (const Shape& shape : {Shape{1, 1}, Shape{5, 33}, Shape{2, 3, 4, 7}, Shape{1, 1, 1, 1000},
                               Shape{1, 40, 41, 3}}) {
      CAPTURE(shape.str());
      const auto x = inputs.integers(shape), b = inputs.integers({shape.back()});
      const Tensor tx = testing::to_tensor(context, x);
      ops::add_row_(testing::to_tensor(context, b), tx);
      testing::check_equal(tx, reference::add_row(b, x));
    }
  });
}

TEST_CASE("scale_channels and backward") {
  Inputs inputs(55);
  testing::on_every_device([&](Context& context) {
    for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{2, 3, 5, 7}, Shape{3, 2, 2, 320},
                               Shape{1, 40, 30, 3}, Shape{2, 7, 7, 33}}) {
      CAPTURE(shape.str());
      const Shape pooled{shape.n(), shape.c()};
      const auto check_all = [&](const Array<double>& x, const Array<double>& gate,
                                 const Array<double>& dy, double tolerance) {
        const Tensor tx = testing::to_tensor(context, x), tg = testing::to_tensor(context, gate);
        testing::check_close(ops::scale_channels(tx, tg), reference::scale_channels(x, gate),
                             tolerance);
        const auto d = ops::scale_channels_backward(testing::to_tensor(context, dy), tx, tg);
        const auto expected = reference::scale_channels_backward(dy, x, gate);
        testing::check_close(d.dx, expected.dx, tolerance);
        testing::check_close(d.dgate, expected.dgate, tolerance);
      };
      check_all(inputs.integers(shape), inputs.integers(pooled), inputs.integers(shape), 0.0);
      check_all(inputs.reals(shape), inputs.reals(pooled), inputs.reals(shape),
                testing::rounding(shape.h() * shape.w()));
    }
  });
}

TEST_CASE("elementwise: other shapes are refused") {
  Context context;
  const Tensor a(context, {3, 4}), b(context, {4, 3});
  CHECK_THROWS_AS(ops::add(a, b), Error);
  CHECK_THROWS_AS(ops::axpy_(1.0f, a, Tensor(context, {11})), Error);
  CHECK_THROWS_AS(ops::add_row_(Tensor(context, {3}), a), Error);
  CHECK_THROWS_AS(ops::scale_channels(Tensor(context, {1, 2, 2, 3}), Tensor(context, {1, 4})),
                  Error);
}

}  // namespace
}  // namespace fedcamae
