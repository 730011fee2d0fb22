// min_max and min_sum: worked examples, and their bound as somebody else measures it.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/fl/crafting.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr const char* kDirections[] = {"std", "unit", "sign"};

std::vector<double> distances(const Vector& from, const std::vector<Vector>& benign) {
  std::vector<double> all;
  for (const Vector& x : benign) all.push_back(testing::squared_distance(from, x));
  return all;
}

// What the attack bounds, of squared distances to the benign weights.
double bounded(const std::string& attack, const std::vector<double>& d) {
  return attack == "min_max" ? *std::max_element(d.begin(), d.end())
                             : std::accumulate(d.begin(), d.end(), 0.0);
}
double bound(const std::string& attack, const std::vector<Vector>& benign) {
  double largest = 0;
  for (const Vector& x : benign) largest = std::max(largest, bounded(attack, distances(x, benign)));
  return largest;
}

}  // namespace

// Updates (0, 0, 3), (0, 4, 3), (3, 0, 3): mean (1, 4/3, 3), deviation sqrt(2) (1, 4/3, 0),
// farthest pair 5 apart, sums of squared distances 25, 41, 34, that of the mean 50/3. The second
// update binds Min-Max in each direction:
//   unit  it is 5 from 0, so gamma = |mean|
//   std   50 gamma^2 + 46 sqrt(2) gamma = 152
//   sign  27 gamma^2 + 30 gamma = 152
// Min-Sum: 41 - 50/3 = 3 gamma^2 |p|^2.
TEST_CASE("min_max and min_sum: worked examples") {
  constexpr double kRounding = 2e-6;
  const std::vector<Vector> benign{{1, 1, 4}, {1, 5, 4}, {4, 1, 4}};
  Crafting scene({1, 1, 1}, benign);
  const std::vector<double> mean{1, 4.0 / 3, 3};
  const double length = std::sqrt(1 + 16.0 / 9 + 9), root = std::sqrt(2.0);
  struct Known {
    const char* direction;
    std::vector<double> p;
    double max, sum;
  };
  for (const Known& known : {Known{"unit",
                                   {mean[0] / length, mean[1] / length, mean[2] / length},
                                   length,
                                   std::sqrt(73.0 / 9)},
                             Known{"std",
                                   {root, root * 4 / 3, 0},
                                   (std::sqrt(34632.0) - 46 * root) / 100,
                                   std::sqrt(1.46)},
                             Known{"sign",
                                   {1, 1, 1},
                                   (std::sqrt(900.0 + 4 * 27 * 152) - 30) / 54,
                                   std::sqrt(73.0 / 27)}}) {
    CAPTURE(known.direction);
    for (const bool sum : {false, true}) {
      const double gamma = sum ? known.sum : known.max;
      std::vector<double> expected;
      for (size_t j = 0; j < 3; ++j) expected.push_back(1 + mean[j] - gamma * known.p[j]);
      check_near(
          scene.weights(sum ? "min_sum" : "min_max", {{"direction", std::string(known.direction)}}),
          expected, kRounding);
    }
  }
  CHECK(scene.weights("min_max") == scene.weights("min_max", {{"direction", std::string("std")}}));
}

// No tolerance: the attack keeps the bound with its weights as they are rounded. Updates of a
// thousandth of the weights lose most of float32's digits.
TEST_CASE("min_max and min_sum keep their bound, and use it up") {
  constexpr double kUsed = 1e-4;  // of the bound
  constexpr size_t kSize = 20011;
  const Vector global = normal_vector(kSize, 1);
  for (const double size : {1.0, 1e-3})
    for (const size_t count : {size_t{2}, size_t{7}}) {
      const std::vector<Vector> benign = vectors_around(global, count, 0.3, size, 2);
      Crafting scene(global, benign);
      for (const std::string attack : {"min_max", "min_sum"})
        for (const std::string direction : kDirections) {
          CAPTURE(size);
          CAPTURE(count);
          CAPTURE(attack);
          CAPTURE(direction);
          const Vector got = scene.weights(attack, {{"direction", direction}});
          const double most = bound(attack, benign);
          CHECK(bounded(attack, distances(got, benign)) <= most);
          CHECK(bounded(attack, distances(got, benign)) >= most * (1 - kUsed));
          // Against the benign step, not along it.
          const Vector mean = scene.weights("alie", {{"z", 1e-30}});
          double along = 0;
          for (size_t j = 0; j < kSize; ++j)
            along += (got[j] - static_cast<double>(mean[j])) *
                     (direction == "std" ? 1.0 : mean[j] - static_cast<double>(global[j]));
          CHECK(along < 0);
        }
    }
}

TEST_CASE("min_max and min_sum: equal benign updates leave no room, and are what is uploaded") {
  const Vector weights = normal_vector(1000, 3);
  Crafting scene(normal_vector(1000, 4), {weights, weights, weights});
  for (const char* attack : {"min_max", "min_sum"})
    for (const std::string direction : kDirections)
      CHECK(scene.weights(attack, {{"direction", direction}}) == weights);
}

}  // namespace fedcamae
