// The trimmed mean of every coordinate over many vectors against sorting and adding in double.
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
// Both sums are in double: their roundings move a float32 by one place at most, or by this share
// of the largest number where a sum all but vanishes.
constexpr double kSum = 1e-13;

void check_means(Context& context, const std::vector<Array<double>>& vectors, int64_t trim,
                 bool exact) {
  CAPTURE(trim);
  std::vector<Guarded> guarded;
  std::vector<Tensor> tensors;
  for (const Array<double>& v : vectors)
    tensors.push_back(guarded.emplace_back(context, v).tensor());
  const Tensor y = ops::coordinate_trimmed_mean(context, tensors, trim);
  const std::vector<float> got = y.to_host();
  REQUIRE(y.shape() == vectors[0].shape);
  const Array<double> sorted = reference::coordinate_trimmed_mean(vectors, trim);
  size_t wrong = 0;
  for (size_t j = 0; j < got.size(); ++j) {
    const double expected = sorted.data[j];
    const auto number = static_cast<double>(got[j]);
    const double tolerance = exact ? 0 : testing::kEps * std::abs(expected) + kSum;
    wrong +=
        std::isnan(expected) ? !std::isnan(number) : !(std::abs(number - expected) <= tolerance);
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

TEST_CASE("trimmed mean: what sorting and adding gives, ties included") {
  testing::on_every_device([](Context& context) {
    CAPTURE(context.backend().name());
    Inputs inputs(83);
    for (const Size& size : kSizes) {
      CAPTURE(size.n);
      CAPTURE(size.length);
      std::vector<Array<double>> reals, ties;
      for (int i = 0; i < size.n; ++i) {
        reals.push_back(rounded(inputs.reals({size.length})));
        ties.push_back(inputs.integers({size.length}));
      }
      for (const int64_t trim : {0, size.n / 8, (size.n - 1) / 2}) {
        check_means(context, reals, trim, false);
        check_means(context, ties, trim, true);
      }
    }
  });
}

// In whole vectors and in what is left of them.
TEST_CASE("trimmed mean: the ends of float32, zeros of both signs, NaN") {
  constexpr double kSmallest = 0x1p-149, kLargest = 0x1.fffffep127;
  const std::vector<std::vector<double>> columns = {
      {-kInfinity, 1, 2, 3, kInfinity},
      {kInfinity, kInfinity, 1, 2, 3},
      {-kInfinity, kInfinity, kInfinity, -kInfinity, 7},
      {kInfinity, kInfinity, kInfinity, kInfinity, kInfinity},
      {kLargest, kLargest, kLargest, kLargest, kLargest},
      {-kLargest, kLargest, -kLargest, kLargest, 0},
      {kSmallest, kSmallest, kSmallest, -kSmallest, 0},
      {-0.0, -0.0, -0.0, -0.0, -0.0},
      {0.0, -0.0, -1, 1, -0.0},
      {kNan, 1, 2, 3, 4},
      {1, 2, 3, 4, -kNan},
      {100, 1, 9, 3, 2},
      {1, 1, 1, 1, 1},
  };
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const int64_t trim : {0, 1, 2})
      for (const size_t length : {columns.size(), 8 * columns.size()}) {
        CAPTURE(length);
        std::vector<Array<double>> vectors(5, Array<double>(Shape{static_cast<int64_t>(length)}));
        for (size_t i = 0; i < 5; ++i)
          for (size_t j = 0; j < length; ++j) vectors[i].data[j] = columns[j % columns.size()][i];
        check_means(context, vectors, trim, true);
      }
  });
}

TEST_CASE("trimmed mean: by hand; with all but the middle left out, the median") {
  testing::on_every_device([](Context& context) {
    CAPTURE(context.backend().name());
    // 100 1 9 3 2 and 4 4 4 -8 4
    std::vector<Tensor> vectors;
    for (const auto& [a, b] :
         {std::pair{100.0f, 4.0f}, {1.0f, 4.0f}, {9.0f, 4.0f}, {3.0f, -8.0f}, {2.0f, 4.0f}})
      vectors.push_back(Tensor::from(context, {2}, std::vector<float>{a, b}));
    CHECK(ops::coordinate_trimmed_mean(context, vectors, 1).to_host() ==
          std::vector<float>{14.0f / 3, 4});
    CHECK(ops::coordinate_trimmed_mean(context, vectors, 0).to_host() ==
          std::vector<float>{23, 1.6f});
    Inputs inputs(84);
    for (const int n : {7, 8}) {
      vectors.clear();
      for (int i = 0; i < n; ++i)
        vectors.push_back(testing::to_tensor(context, inputs.reals({100})));
      testing::check_same_bits(ops::coordinate_trimmed_mean(context, vectors, (n - 1) / 2),
                               ops::coordinate_median(context, vectors));
    }
  });
}

// Sums of float32 numbers of about one size are exact in double.
TEST_CASE("trimmed mean: the order of the vectors changes no bit, nor does the context") {
  for (const ContextOptions& options : testing::test_devices()) {
    Context context(options), other(options);
    Inputs inputs(85);
    std::vector<Tensor> vectors;
    for (int i = 0; i < 6; ++i)
      vectors.push_back(testing::to_tensor(i % 2 == 0 ? context : other, inputs.reals({7, 9})));
    const Tensor before = ops::coordinate_trimmed_mean(context, vectors, 1);
    CHECK(before.shape() == Shape{7, 9});
    std::reverse(vectors.begin(), vectors.end());
    testing::check_same_bits(ops::coordinate_trimmed_mean(other, vectors, 1), before);
  }
}

TEST_CASE("trimmed mean: refused") {
  Context context(testing::device_options(1));
  const Tensor three = Tensor::zeros(context, {3}), two = Tensor::zeros(context, {2});
  CHECK_THROWS_AS(ops::coordinate_trimmed_mean(context, {}, 0), Error);
  CHECK_THROWS_AS(ops::coordinate_trimmed_mean(context, std::vector<Tensor>{three, two}, 0), Error);
  const std::vector<Tensor> four(4, three);
  CHECK_THROWS_WITH_AS(ops::coordinate_trimmed_mean(context, four, 2),
                       doctest::Contains("cannot leave out 2 of 4 vectors at each end"), Error);
  CHECK_THROWS_AS(ops::coordinate_trimmed_mean(context, four, -1), Error);
  CHECK(
      ops::coordinate_trimmed_mean(context, std::vector<Tensor>(3, Tensor::zeros(context, {0})), 1)
          .size() == 0);
}

}  // namespace
}  // namespace fedcamae
