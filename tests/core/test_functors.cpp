// Elementwise functors: the value against std::, the derivative against a complex step.
#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <limits>

#include "core/functors.h"
#include "tests/support/gradient_check.h"

namespace fedcamae {
namespace {

// Both sides are double formulas of a few operations.
constexpr double kTolerance = 1e-12;
constexpr double kPoints[] = {-7.5, -1.25, -0.5, -1e-3, 1e-3, 0.3, 1.0, 2.75, 9.0};
constexpr double kDy = -1.75;

double relative(double error, double value) {
  return std::abs(error) / std::max(1.0, std::abs(value));
}

template <class F>
void check_analytic(const F& f, double (*formula)(double), bool positive_only) {
  for (const double x : kPoints) {
    if (positive_only && x <= 0) continue;
    CAPTURE(x);
    const double y = f.forward(x);
    CHECK(relative(y - formula(x), y) <= kTolerance);
    const testing::Complex moved = f.forward(testing::Complex(x, testing::kComplexStep));
    const double dx = kDy * moved.imag() / testing::kComplexStep;
    const double kept = F::kKeeps == Keeps::kInput ? x : y;
    CHECK(relative(f.backward(kDy, kept) - dx, dx) <= kTolerance);
  }
}

TEST_CASE("smooth functors: value and derivative") {
  check_analytic(
      fn::Sigmoid{}, [](double x) { return 0.5 * (1 + std::tanh(x / 2)); }, false);
  check_analytic(
      fn::Exp{}, [](double x) { return std::exp(x); }, false);
  check_analytic(
      fn::Log{}, [](double x) { return std::log(x); }, true);
  check_analytic(
      fn::Square{}, [](double x) { return std::pow(x, 2.0); }, false);
  check_analytic(
      fn::Negate{}, [](double x) { return 0.0 - x; }, false);
  check_analytic(
      fn::Sqrt{}, [](double x) { return std::pow(x, 0.5); }, true);
}

TEST_CASE("relu: value, derivative on both sides of zero and at zero, NaN") {
  const fn::Relu relu;
  for (const double x : kPoints) {
    const double y = relu.forward(x);
    CHECK(y == std::fmax(x, 0.0));
    CHECK(relu.backward(kDy, y) == (x > 0 ? kDy : 0.0));
  }
  CHECK(relu.backward(kDy, relu.forward(0.0)) == 0.0);
  CHECK(std::isnan(relu.forward(std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("sign: value on both sides of zero and at zero, no derivative, NaN") {
  const fn::Sign sign;
  for (const double x : kPoints) {
    CHECK(sign.forward(x) == std::copysign(1.0, x));
    CHECK(sign.backward(kDy, sign.forward(x)) == 0.0);
  }
  CHECK(sign.forward(0.0) == 0.0);
  CHECK(sign.backward(kDy, 0.0) == 0.0);
  CHECK(std::isnan(sign.forward(std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("binary functors against the operators of the language") {
  for (const double a : kPoints)
    for (const double b : kPoints) {
      CHECK(fn::Add{}(a, b) == a + b);
      CHECK(fn::Subtract{}(a, b) == a - b);
      CHECK(fn::Multiply{}(a, b) == a * b);
      CHECK(fn::Divide{}(a, b) == a / b);
      CHECK(fn::Maximum{}(a, b) == std::fmax(a, b));
    }
}

TEST_CASE("visit calls the functor that the id names") {
  const auto value = [](Unary id, double x) {
    double y = 0;
    fn::visit(id, [&](auto f) { y = f.forward(x); });
    return y;
  };
  CHECK(value(Unary::kRelu, -2.0) == 0.0);
  CHECK(value(Unary::kSigmoid, 0.0) == 0.5);
  CHECK(value(Unary::kExp, 0.0) == 1.0);
  CHECK(value(Unary::kLog, 1.0) == 0.0);
  CHECK(value(Unary::kSquare, -3.0) == 9.0);
  CHECK(value(Unary::kNegate, -3.0) == 3.0);
  CHECK(value(Unary::kSqrt, 9.0) == 3.0);
  CHECK(value(Unary::kSign, -3.0) == -1.0);
  const auto both = [](Binary id, double a, double b) {
    double y = 0;
    fn::visit(id, [&](auto f) { y = f(a, b); });
    return y;
  };
  CHECK(both(Binary::kAdd, 6.0, 4.0) == 10.0);
  CHECK(both(Binary::kSubtract, 6.0, 4.0) == 2.0);
  CHECK(both(Binary::kMultiply, 6.0, 4.0) == 24.0);
  CHECK(both(Binary::kDivide, 6.0, 4.0) == 1.5);
  CHECK(both(Binary::kMaximum, 4.0, 6.0) == 6.0);
}

TEST_CASE("keeps tells what the derivative is computed from") {
  CHECK(fn::keeps(Unary::kRelu) == Keeps::kOutput);
  CHECK(fn::keeps(Unary::kLog) == Keeps::kInput);
}

}  // namespace
}  // namespace fedcamae
