// Comparison of a device's numbers with the reference's.
#pragma once

#include <cstdint>
#include <limits>

#include "core/tensor.h"
#include "tests/support/arrays.h"

namespace fedcamae::testing {

// Rounding of a float32 sum of `terms` numbers in any order: the errors of the partial sums add up
// like a random walk, so relative to the largest result they stay near eps * sqrt(terms). kRounding
// leaves room for the tail of a few thousand outputs and for the roundings of the operation's own
// formula.
constexpr double kEps = std::numeric_limits<float>::epsilon();
constexpr double kRounding = 4.0;
double rounding(int64_t terms);  // kRounding * kEps * sqrt(max(terms, 1))

// doctest checks; NaN or infinity on either side is a failure. The shape is compared first.
void check_equal(const Tensor& actual, const Array<double>& expected);
// |actual - expected| <= tolerance * max(1, largest |expected|).
void check_close(const Tensor& actual, const Array<double>& expected, double tolerance);
void check_close(const Array<double>& actual, const Array<double>& expected, double tolerance);
void check_close(double actual, double expected, double tolerance);
// Bit for bit.
void check_same_bits(const Tensor& a, const Tensor& b);

}  // namespace fedcamae::testing
