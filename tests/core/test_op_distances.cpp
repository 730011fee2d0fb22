// Squared distances between many vectors on every device: a GPU takes them from matrix products
// where that is exact enough, else pair by pair.
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

using reference::Array;
using testing::Inputs;

// Directly computed distances are double sums of exact squares.
constexpr double kDirect = testing::kEps;
// From products: float32 sums of 2048 numbers each, of which the difference leaves an eighth or
// more.
const double kProduct = 8 * testing::rounding(2048);

// The table of `vectors`, held between guard zones; symmetric to the bit, its diagonal 0 or NaN.
std::vector<double> table_of(Context& context, const std::vector<Array<double>>& vectors) {
  std::vector<testing::Guarded> guarded;
  std::vector<Tensor> tensors;
  for (const Array<double>& v : vectors)
    tensors.push_back(guarded.emplace_back(context, v).tensor());
  std::vector<double> table = ops::pairwise_squared_distances(context, tensors);
  const size_t n = vectors.size();
  REQUIRE(table.size() == n * n);
  for (size_t i = 0; i < n; ++i) {
    CHECK((table[i * n + i] == 0 || std::isnan(table[i * n + i])));
    for (size_t j = 0; j < i; ++j)
      CHECK((table[i * n + j] == table[j * n + i] ||
             (std::isnan(table[i * n + j]) && std::isnan(table[j * n + i]))));
  }
  return table;
}

// |got - expected| <= tolerance * expected for every pair of the vectors from `first` on.
void check_table(Context& context, const std::vector<Array<double>>& vectors, double tolerance,
                 size_t first = 0) {
  const std::vector<double> table = table_of(context, vectors);
  const size_t n = vectors.size();
  for (size_t i = first; i < n; ++i)
    for (size_t j = first; j < n; ++j) {
      const double expected = reference::squared_distance(vectors[i], vectors[j]);
      CAPTURE(i);
      CAPTURE(j);
      CAPTURE(expected);
      CAPTURE(table[i * n + j]);
      CHECK(std::abs(table[i * n + j] - expected) <= tolerance * expected);
    }
}

TEST_CASE("pairwise distances: whole numbers, exact") {
  Inputs inputs(71);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    struct Size {
      int n;
      int64_t length;
    };
    for (const Size& size :
         std::vector<Size>{{1, 5}, {2, 1}, {9, 33}, {3, 2048}, {5, 2049}, {33, 100}, {4, 70001}}) {
      CAPTURE(size.n);
      CAPTURE(size.length);
      std::vector<Array<double>> vectors;
      for (int i = 0; i < size.n; ++i) vectors.push_back(inputs.integers({size.length}));
      check_table(context, vectors, 0);
    }
    CHECK(table_of(context, {Array<double>(Shape{0}), Array<double>(Shape{0})}) ==
          std::vector<double>(4, 0.0));
  });
}

TEST_CASE("pairwise distances: vectors that end where their memory ends") {
  Inputs inputs(77);
  constexpr int64_t kLength = 2560;  // 10 KiB, which the pool does not round up
  testing::on_every_device([&](Context& context) {
    const auto a = inputs.integers({kLength}), b = inputs.integers({kLength});
    const Tensor vectors[] = {testing::to_tensor(context, a), testing::to_tensor(context, b)};
    CHECK(ops::pairwise_squared_distances(context, vectors)[1] ==
          reference::squared_distance(a, b));
  });
}

TEST_CASE("pairwise distances: any numbers, of vectors far from the origin") {
  Inputs inputs(72);
  testing::on_every_device([&](Context& context) {
    std::vector<Array<double>> vectors;
    for (int i = 0; i < 6; ++i) vectors.push_back(inputs.reals({5000}, 100.0, 1.0));
    check_table(context, vectors, kProduct);
  });
}

TEST_CASE("pairwise distances: float32 whatever the precision of products") {
  ContextOptions options = testing::device_options(1);
  if (options.device.type != DeviceType::kCpu) options.precision = Precision::kTf32;
  Context context(options);
  // One bit more than TF32 holds; the square is exact in float32.
  check_table(context, {Array<double>(Shape{3}), Array<double>(Shape{3}, 2049.0)}, 0);
}

TEST_CASE("pairwise distances: the order of the vectors changes no bit") {
  Inputs inputs(76);
  testing::on_every_device([&](Context& context) {
    std::vector<Array<double>> vectors;
    for (int i = 0; i < 3; ++i) vectors.push_back(inputs.reals({3000}));
    vectors.push_back(vectors[0]);
    vectors.push_back(vectors[0]);  // of the same length, but not the same
    for (double& value : vectors.back().data) value = -value;
    const size_t n = vectors.size();
    const std::vector<double> before = table_of(context, vectors);
    std::vector<size_t> order = {0, 1, 2, 3, 4};
    while (std::next_permutation(order.begin(), order.end())) {
      std::vector<Array<double>> moved;
      for (const size_t i : order) moved.push_back(vectors[i]);
      const std::vector<double> after = table_of(context, moved);
      int64_t changed = 0;
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
          changed += after[i * n + j] != before[order[i] * n + order[j]];
      CHECK(changed == 0);
    }
  });
}

// Two vectors near each other and far from the first: a difference of float32 sums near 1e9 says
// nothing of a distance near 1e-3.
TEST_CASE("pairwise distances: neighbours among vectors that lie far apart") {
  Inputs inputs(73);
  testing::on_every_device([&](Context& context) {
    const auto far = inputs.reals({3000}, 1000.0, 1.0);
    auto beside = far, further = far;
    for (int64_t i = 0; i < far.size(); ++i) {
      beside[i] = static_cast<float>(far[i] + 0.001 * static_cast<double>(i % 3));
      further[i] = static_cast<float>(far[i] - 0.5);
    }
    // The first one's distances may be products: far enough for them.
    const std::vector<Array<double>> vectors = {Array<double>(Shape{3000}), far, beside, far,
                                                further};
    check_table(context, vectors, kDirect, 1);
    check_table(context, vectors, kProduct);
    // Far from most, and so from whatever the device takes the products about.
    const auto all = [](double value) { return Array<double>(Shape{3000}, value); };
    check_table(context, {all(0), all(1), all(2), far, beside}, kProduct);
  });
}

TEST_CASE("pairwise distances: squares that float32 cannot hold") {
  Inputs inputs(74);
  testing::on_every_device([&](Context& context) {
    for (const double size : {1e-25, 1e-21, 1e30, 3e38}) {
      CAPTURE(size);
      std::vector<Array<double>> vectors;
      for (int i = 0; i < 4; ++i) {
        vectors.push_back(inputs.uniform({300}, -1.0, 1.0));
        for (double& value : vectors.back().data) value = static_cast<float>(size * value);
      }
      check_table(context, vectors, kDirect);
    }
  });
}

TEST_CASE("pairwise distances: a vector that is not finite is at no distance") {
  Inputs inputs(75);
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  testing::on_every_device([&](Context& context) {
    std::vector<Array<double>> vectors;
    for (int i = 0; i < 5; ++i) vectors.push_back(inputs.integers({777}));
    vectors[0][776] = kNan;  // the first one too
    vectors[3][0] = -kInfinity;
    const std::vector<double> table = table_of(context, vectors);
    for (size_t i = 0; i < 5; ++i)
      for (size_t j = 0; j < 5; ++j) {
        CAPTURE(i);
        CAPTURE(j);
        const double got = table[i * 5 + j];
        if (i == 0 || i == 3 || j == 0 || j == 3) {
          CHECK(std::isnan(got));
        } else {
          CHECK(got == reference::squared_distance(vectors[i], vectors[j]));
        }
      }
    for (const double value : table_of(context, {vectors[0], vectors[3]})) CHECK(std::isnan(value));
  });
}

}  // namespace
}  // namespace fedcamae
