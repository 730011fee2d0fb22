#include "tests/support/compare.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fedcamae::testing {

double rounding(int64_t terms) {
  return kRounding * kEps * std::sqrt(static_cast<double>(std::max<int64_t>(terms, 1)));
}

void check_close(const Array<double>& actual, const Array<double>& expected, double tolerance) {
  REQUIRE(actual.shape.str() == expected.shape.str());
  double scale = 1;
  for (double value : expected.data) scale = std::max(scale, std::abs(value));
  const double allowed = tolerance * scale;
  int64_t wrong = 0, worst = 0;
  double worst_error = -1;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double error = std::abs(actual[i] - expected[i]);
    if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
    if (error > allowed) ++wrong;
    if (error > worst_error) {
      worst_error = error;
      worst = i;
    }
  }
  CAPTURE(expected.shape.str());
  CAPTURE(allowed);
  CAPTURE(worst);
  const double got = expected.size() > 0 ? actual[worst] : 0;
  const double wanted = expected.size() > 0 ? expected[worst] : 0;
  CAPTURE(got);
  CAPTURE(wanted);
  CHECK(wrong == 0);
}

void check_close(const Tensor& actual, const Array<double>& expected, double tolerance) {
  check_close(to_array(actual), expected, tolerance);
}

void check_equal(const Tensor& actual, const Array<double>& expected) {
  check_close(to_array(actual), expected, 0.0);
}

void check_close(double actual, double expected, double tolerance) {
  Array<double> a(Shape{}, actual), b(Shape{}, expected);
  check_close(a, b, tolerance);
}

void check_same_bits(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape().str() == b.shape().str());
  const std::vector<float> left = a.to_host(), right = b.to_host();
  CHECK(std::memcmp(left.data(), right.data(), left.size() * sizeof(float)) == 0);
}

}  // namespace fedcamae::testing
