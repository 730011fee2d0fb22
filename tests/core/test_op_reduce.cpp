// Sums and extremes on every device.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/reference/reduce.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

constexpr int64_t kLengths[] = {1, 7, 16, 17, 1000, 65537, 300001};
// Sums to one number run in double or are split into pieces that are: the float32 products are the
// only roundings, far below one float32 rounding of the whole.
constexpr double kNumber = testing::kEps;
const Shape kMatrices[] = {{1, 1}, {1, 700}, {700, 1}, {5, 33}, {2000, 3}, {3, 2, 4, 17}, {64, 64}};

TEST_CASE("sum, dot, norm, squared distance") {
  Inputs inputs(61);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const int64_t length : kLengths) {
      CAPTURE(length);
      const auto whole = inputs.integers({length}), other = inputs.integers({length});
      const Tensor tw = testing::to_tensor(context, whole), to = testing::to_tensor(context, other);
      CHECK(ops::sum(tw) == reference::sum(whole));
      CHECK(ops::dot(tw, to) == reference::dot(whole, other));
      CHECK(ops::squared_distance(tw, to) == reference::squared_distance(whole, other));
      const auto a = inputs.reals({length}), b = inputs.reals({length}, 100.0);
      const Tensor ta = testing::to_tensor(context, a), tb = testing::to_tensor(context, b);
      testing::check_close(ops::sum(tb), reference::sum(b), kNumber);
      testing::check_close(ops::dot(tb, tb), reference::dot(b, b), kNumber);
      testing::check_close(ops::norm(tb), std::sqrt(reference::dot(b, b)), kNumber);
      testing::check_close(ops::squared_distance(ta, tb), reference::squared_distance(a, b),
                           kNumber);
    }
  });
}

TEST_CASE("sums: the bits do not depend on the number of threads") {
  Inputs inputs(62);
  Context one(testing::device_options(1)), three(testing::device_options(3));
  for (const int64_t length : kLengths) {
    const auto x = inputs.reals({length});
    const Tensor a = testing::to_tensor(one, x), b = testing::to_tensor(three, x);
    CHECK(ops::sum(a) == ops::sum(b));
    CHECK(ops::dot(a, a) == ops::dot(b, b));
  }
  for (const Shape& shape : kMatrices) {
    const auto x = inputs.reals(shape);
    testing::check_same_bits(ops::sum_rows(testing::to_tensor(one, x)),
                             ops::sum_rows(testing::to_tensor(three, x)));
  }
}

TEST_CASE("all_finite finds one bad number anywhere") {
  testing::on_every_device([&](Context& context) {
    for (const int64_t length : {int64_t{1}, int64_t{33}, int64_t{70001}})
      for (const int64_t at : {int64_t{0}, length / 2, length - 1})
        for (const float bad :
             {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
              -std::numeric_limits<float>::infinity()}) {
          std::vector<float> host(static_cast<size_t>(length), 3e38f);  // their sum overflows
          CHECK(ops::all_finite(Tensor::from(context, {length}, host)));
          host[static_cast<size_t>(at)] = bad;
          CHECK_FALSE(ops::all_finite(Tensor::from(context, {length}, host)));
        }
  });
}

TEST_CASE("sum_rows and sum_last") {
  Inputs inputs(63);
  testing::on_every_device([&](Context& context) {
    for (const Shape& shape : kMatrices) {
      CAPTURE(shape.str());
      const auto whole = inputs.integers(shape), x = inputs.reals(shape);
      const auto flat = [](const Tensor& t) { return t.reshape({t.size()}); };
      const Tensor tw = testing::to_tensor(context, whole), tx = testing::to_tensor(context, x);
      testing::check_equal(ops::sum_rows(tw), reference::sum_rows(whole));
      testing::check_equal(flat(ops::sum_last(tw)), reference::sum_last(whole));
      testing::check_close(ops::sum_rows(tx), reference::sum_rows(x),
                           testing::rounding(shape.rows()));
      testing::check_close(flat(ops::sum_last(tx)), reference::sum_last(x),
                           testing::rounding(shape.back()));
    }
  });
}

TEST_CASE("argmax and min-max of the last dimension") {
  Inputs inputs(64);
  testing::on_every_device([&](Context& context) {
    for (const Shape& shape : {Shape{1, 1}, Shape{4, 10}, Shape{7, 33}, Shape{2, 1000}}) {
      CAPTURE(shape.str());
      const auto x = inputs.integers(shape, -9, -1);  // many ties, all below zero
      const Tensor tx = testing::to_tensor(context, x);
      CHECK(ops::argmax_last(tx) == reference::argmax_last(x));
      const auto got = ops::minmax_last(tx);
      const auto expected = reference::minmax_last(x);
      testing::check_equal(got.low, expected.low);
      testing::check_equal(got.high, expected.high);
    }
  });
}

TEST_CASE("argmax: a NaN wins") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  testing::on_every_device([&](Context& context) {
    const Tensor x =
        Tensor::from(context, {3, 3}, std::vector<float>{1, kNan, 5, kNan, 9, kNan, 2, 2, 1});
    CHECK(ops::argmax_last(x) == std::vector<int32_t>{1, 0, 0});
  });
}

TEST_CASE("min-max: a NaN counts where it comes first alone") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  testing::on_every_device([&](Context& context) {
    const Tensor x = Tensor::from(context, {2, 3}, std::vector<float>{3, kNan, 5, kNan, 9, 1});
    const auto got = ops::minmax_last(x);
    const std::vector<float> low = got.low.to_host(), high = got.high.to_host();
    CHECK(low[0] == 3.0f);
    CHECK(high[0] == 5.0f);
    CHECK(std::isnan(low[1]));
    CHECK(std::isnan(high[1]));
  });
}

// The definition, in float32 and step by step: the arithmetic is exact to the bit.
std::vector<float> scaled_to_unit(std::vector<float> row) {
  const auto extreme = [&](auto better) {
    float found = row[0];
    for (const float value : row)
      if (std::isnan(value) || better(value, found)) found = value;
    return found;
  };
  const float low = extreme([](float a, float b) { return a < b; });
  for (float& value : row) value -= low;
  const float high = extreme([](float a, float b) { return a > b; });
  for (float& value : row) value /= static_cast<float>(1e-7 + static_cast<double>(high));
  return row;
}

TEST_CASE("scale_to_unit: each row by itself, to the bit") {
  Inputs inputs(65);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& shape : {Shape{1, 1}, Shape{9, 2}, Shape{4, 49}, Shape{2, 3, 1000}}) {
      CAPTURE(shape.str());
      const Tensor x = testing::to_tensor(context, inputs.reals(shape, -7.0, 3.0));
      const std::vector<float> before = x.to_host();
      ops::scale_to_unit_(x);
      const std::vector<float> got = x.to_host();
      const auto columns = static_cast<std::ptrdiff_t>(shape.back());
      for (auto row = before.begin(), at = got.begin(); row != before.end();
           row += columns, at += columns)
        CHECK(std::vector<float>(at, at + columns) ==
              scaled_to_unit(std::vector<float>(row, row + columns)));
    }
    const Tensor x =
        Tensor::from(context, {5, 3},
                     std::vector<float>{2, 2, 2, 1, kNan, 3, 0, kInf, 1, -kInf, 0, 1, 5, 4, 4.5});
    ops::scale_to_unit_(x);
    const std::vector<float> got = x.to_host();
    for (const size_t i : {0, 1, 2}) CHECK(got[i] == 0.0f);  // a row of equals
    for (const size_t i : {3, 4, 5, 7, 9, 10, 11}) CHECK(std::isnan(got[i]));
    CHECK(got[6] == 0.0f);
    CHECK(got[8] == 0.0f);
    CHECK(got[13] == 0.0f);
    CHECK(got[12] < 1.0f);  // by 1e-7
    CHECK(got[14] == got[12] / 2);
  });
}

}  // namespace
}  // namespace fedcamae
