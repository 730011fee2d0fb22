// The median of every coordinate over many vectors against sorting, to the bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/reference/reduce.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/guard.h"

namespace fedcamae {
namespace {

using testing::Array;
using testing::Guarded;
using testing::Inputs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_medians(Context& context, const std::vector<Array<double>>& vectors) {
  std::vector<Guarded> guarded;
  std::vector<Tensor> tensors;
  for (const Array<double>& v : vectors)
    tensors.push_back(guarded.emplace_back(context, v).tensor());
  const Tensor y = ops::coordinate_median(context, tensors);
  const std::vector<float> got = y.to_host();
  REQUIRE(y.shape() == vectors[0].shape);
  const Array<double> sorted = reference::coordinate_median(vectors);
  size_t wrong = 0;
  for (size_t j = 0; j < got.size(); ++j) {
    const double expected = sorted.data[j];
    const auto number = static_cast<double>(got[j]);
    wrong += std::isnan(expected) ? !std::isnan(number) : number != expected;
    wrong += number == 0 && std::signbit(number);
  }
  CHECK(wrong == 0);
}

struct Size {
  int n;
  int64_t length;
};
const Size kSizes[] = {{1, 5},  {2, 1},    {3, 16},  {4, 33},  {5, 64},
                       {9, 31}, {24, 517}, {25, 48}, {40, 70}, {101, 130}};

// As float32 has them.
Array<double> rounded(Array<double> numbers) {
  for (double& x : numbers.data) x = static_cast<double>(static_cast<float>(x));
  return numbers;
}

TEST_CASE("coordinate median: what sorting gives, ties included") {
  testing::on_every_device([](Context& context) {
    CAPTURE(context.backend().name());
    Inputs inputs(81);
    for (const Size& size : kSizes) {
      CAPTURE(size.n);
      CAPTURE(size.length);
      std::vector<Array<double>> reals, ties;
      for (int i = 0; i < size.n; ++i) {
        reals.push_back(rounded(inputs.reals({size.length})));
        ties.push_back(inputs.integers({size.length}));
      }
      check_medians(context, reals);
      check_medians(context, ties);
    }
  });
}

// In whole vectors and in what is left of them.
TEST_CASE("coordinate median: the ends of float32, zeros of both signs, NaN") {
  constexpr double kSmallest = 0x1p-149, kLargest = 0x1.fffffep127;
  const std::vector<std::vector<double>> columns = {
      {-kInfinity, kInfinity, 0},
      {-kLargest, kLargest, kSmallest},
      {-kSmallest, kSmallest, -kLargest},
      {-0.0, 0.0, -0.0},
      {0.0, -0.0, -1},
      {kInfinity, kInfinity, -kInfinity},
      {kNan, 1, 2},
      {1, kNan, 2},
      {1, 2, -kNan},
      {-3, -1, -2},
      {1, 1, 1},
  };
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const size_t n : {size_t{2}, size_t{3}})
      for (const size_t length : {columns.size(), 8 * columns.size()}) {
        CAPTURE(n);
        CAPTURE(length);
        std::vector<Array<double>> vectors(n, Array<double>(Shape{static_cast<int64_t>(length)}));
        for (size_t i = 0; i < n; ++i)
          for (size_t j = 0; j < length; ++j) vectors[i].data[j] = columns[j % columns.size()][i];
        check_medians(context, vectors);
      }
  });
}

TEST_CASE("coordinate median: the order of the vectors changes no bit, nor does the context") {
  for (const ContextOptions& options : testing::test_devices()) {
    Context context(options), other(options);
    Inputs inputs(82);
    std::vector<Tensor> vectors;
    for (int i = 0; i < 6; ++i)
      vectors.push_back(testing::to_tensor(i % 2 == 0 ? context : other, inputs.reals({7, 9})));
    const Tensor before = ops::coordinate_median(context, vectors);
    CHECK(before.shape() == Shape{7, 9});
    std::reverse(vectors.begin(), vectors.end());
    testing::check_same_bits(ops::coordinate_median(other, vectors), before);
  }
}

TEST_CASE("coordinate median: refused") {
  Context context(testing::device_options(1));
  const Tensor three = Tensor::zeros(context, {3}), two = Tensor::zeros(context, {2});
  CHECK_THROWS_WITH_AS(ops::coordinate_median(context, {}), doctest::Contains("no vectors"), Error);
  CHECK_THROWS_AS(ops::coordinate_median(context, std::vector<Tensor>{three, two}), Error);
  CHECK_THROWS_AS(
      ops::coordinate_median(context,
                             std::vector<Tensor>{three, ops::cast(three, ElementType::kBfloat16)}),
      Error);
  CHECK(
      ops::coordinate_median(context, std::vector<Tensor>(2, Tensor::zeros(context, {0}))).size() ==
      0);
}

}  // namespace
}  // namespace fedcamae
