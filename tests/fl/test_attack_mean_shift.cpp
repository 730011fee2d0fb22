// alie and ipm, and what they share: the mean and deviation of what is overheard.
#include <cmath>
#include <limits>

#include "fl/attacks/overheard.h"
#include "tests/fl/crafting.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

// Sums of a few float32 numbers around 1.
constexpr double kRounding = 1e-6;

double mean_at(const std::vector<Vector>& benign, size_t j) {
  double mean = 0;
  for (const Vector& x : benign) mean += x[j] / static_cast<double>(benign.size());
  return mean;
}
double deviation_at(const std::vector<Vector>& benign, size_t j) {
  const double mean = mean_at(benign, j);
  double variance = 0;
  for (const Vector& x : benign)
    variance += (x[j] - mean) * (x[j] - mean) / static_cast<double>(benign.size());
  return std::sqrt(variance);
}

}  // namespace

// Quantiles: Python's statistics.NormalDist().inv_cdf.
TEST_CASE("quantiles of the normal distribution") {
  constexpr double kError = 1e-9;
  CHECK(std::abs(normal_quantile(0.5)) < kError);
  CHECK(std::abs(normal_quantile(0.6) - 0.2533471031357998) < kError);
  CHECK(std::abs(normal_quantile(11.0 / 21) - 0.059717099785322886) < kError);
  CHECK(std::abs(normal_quantile(1.0 / 3) + 0.43072729929545744) < kError);
  CHECK(std::abs(normal_quantile(0.975) - 1.9599639845400536) < kError);
  CHECK(std::abs(normal_quantile(0.025) + 1.9599639845400536) < kError);
}

TEST_CASE("largest_that finds the end of an interval from 0") {
  CHECK(largest_that([](double x) { return x * x <= 2; }) == doctest::Approx(std::sqrt(2.0)));
  CHECK(largest_that([](double x) { return x <= 3e-9; }) == 3e-9);
  CHECK(largest_that([](double x) { return x <= 1e20; }) == 1e20);
  CHECK(largest_that([](double) { return false; }) == 0);
  CHECK(largest_that([](double) { return true; }) == 0x1p100);
}

// By hand: mean (2, 0, 0), deviation (1, 0, 2), around w_g = (1, 1, 1).
TEST_CASE("alie: the mean plus z deviations, a worked example") {
  Crafting scene({1, 1, 1}, {{2, 1, 3}, {4, 1, -1}});
  CHECK(scene.weights("alie", {{"z", 1.5}}) == Vector{4.5, 1, 4});
  CHECK(scene.weights("alie", {{"z", -2.0}}) == Vector{1, 1, -3});
}

// n = 5, f = 2: s = 1, quantile(2 / 3); n = 24, f = 3: s = 10, quantile(11 / 21); n = 4, f = 1:
// s = 2, quantile(1 / 3). Attackers in the majority, n = 3, f = 2: s = 1, and nobody is left: 0.
TEST_CASE("alie: z of the paper's formula") {
  struct Known {
    size_t benign, attackers;
    double z;
  };
  for (const Known& known : {Known{3, 2, 0.43072729929545744}, Known{21, 3, 0.059717099785322886},
                             Known{3, 1, -0.43072729929545744}, Known{1, 2, 0.0}}) {
    CAPTURE(known.benign);
    const std::vector<Vector> benign = vectors_around({0, 0, 0}, known.benign, 0, 1, 7);
    Crafting scene({0, 0, 0}, benign);
    scene.attackers.assign(known.attackers, 0);
    for (size_t i = 0; i < known.attackers; ++i) scene.attackers[i] = static_cast<int64_t>(i);
    const std::vector<ModelState> crafted = scene.craft("alie");
    REQUIRE(crafted.size() == known.attackers);
    std::vector<double> expected;
    for (size_t j = 0; j < 3; ++j)
      expected.push_back(mean_at(benign, j) + known.z * deviation_at(benign, j));
    for (const ModelState& state : crafted)
      check_near(state.parameters.to_host(), expected, kRounding);
  }
}

TEST_CASE("alie stays z deviations from the mean in every coordinate") {
  constexpr size_t kSize = 3000;
  const Vector global = normal_vector(kSize, 1);
  const std::vector<Vector> benign = vectors_around(global, 6, 0.5, 0.01, 2);
  Crafting scene(global, benign);
  const Vector got = scene.weights("alie", {{"z", 1.25}});
  double worst = 0;
  for (size_t j = 0; j < kSize; ++j)
    worst = std::max(worst, std::abs(got[j] - mean_at(benign, j) - 1.25 * deviation_at(benign, j)));
  CHECK(worst < kRounding);
}

// By hand: updates (1, 0, -1) and (3, 0, 1), mean (2, 0, 0).
TEST_CASE("ipm: the mean turned round, a worked example") {
  Crafting scene({1, 1, 1}, {{2, 1, 0}, {4, 1, 2}});
  CHECK(scene.weights("ipm", {{"epsilon", 0.5}}) == Vector{0, 1, 1});
  CHECK(scene.weights("ipm", {{"epsilon", 2.0}}) == Vector{-3, 1, 1});
  check_near(scene.weights("ipm"), {0.8, 1, 1}, kRounding);
  check_error(ErrorKind::kUsage, "epsilon", [] { make_attack("ipm", {{"epsilon", 0.0}}); });
}

TEST_CASE("what overhears: one upload for all, benign statistics, in the attack's context") {
  for (const char* name : {"alie", "ipm", "min_max", "min_sum", "fang_krum"}) {
    CAPTURE(name);
    Crafting scene({1, 1, 1}, {{2, 1, 0}, {4, 1, 2}, {1, 2, 1}});
    std::vector<Vector> before{numbers(scene.global)};
    for (const ModelState& state : scene.overheard) before.push_back(numbers(state));
    const std::vector<Setting> copies = name == std::string("fang_krum")
                                            ? std::vector<Setting>{{"spread", 0.0}}
                                            : std::vector<Setting>{};
    const std::vector<ModelState> crafted = scene.craft(name, copies);
    REQUIRE(crafted.size() == 2);
    CHECK(numbers(crafted[0]) == numbers(crafted[1]));
    CHECK(&crafted[0].parameters.context() == &scene.context);
    CHECK(&crafted[0].statistics.context() == &scene.context);
    // The mean of (1, 3), (2, 6), (3, 9); the first one's counter.
    check_near(crafted[0].statistics.to_host(), {2, 6}, kRounding);
    CHECK(crafted[0].counters == std::vector<int64_t>{10});
    CHECK(numbers(scene.global) == before[0]);
    for (size_t i = 0; i < 3; ++i) CHECK(numbers(scene.overheard[i]) == before[i + 1]);
  }
}

TEST_CASE("what overhears: nobody is the global model, one is that one, not finite is nobody") {
  const float infinite = std::numeric_limits<float>::infinity();
  for (const char* name : {"alie", "min_max", "min_sum", "ipm", "fang_krum"}) {
    CAPTURE(name);
    Crafting nobody({1, 2, 3}, {});
    CHECK(nobody.weights(name) == Vector{1, 2, 3});
    CHECK(nobody.craft(name)[0].statistics.to_host() == Vector{7, 7});
    CHECK(nobody.craft(name)[0].counters == std::vector<int64_t>{5});
    Crafting two({1, 2, 3}, {{2, 2, 2}, {3, 1, 2}});
    const Vector expected = two.weights(name, {});
    Crafting three({1, 2, 3}, {{2, 2, 2}, {3, 1, 2}, {3, infinite, 2}});
    // ALIE's z counts who takes part; a fixed one does not.
    if (name == std::string("alie"))
      CHECK(three.weights(name, {{"z", 1.0}}) == two.weights(name, {{"z", 1.0}}));
    else
      CHECK(three.weights(name) == expected);
  }
  for (const char* name : {"alie", "min_max", "min_sum"}) {
    Crafting one({1, 2, 3}, {{2, 2, 2}});
    CHECK(one.weights(name) == Vector{2, 2, 2});
  }
}

}  // namespace fedcamae
