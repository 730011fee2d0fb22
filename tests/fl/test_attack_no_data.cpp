// gaussian, same_value and free_rider: what the global model alone is enough for.
#include <cmath>

#include "tests/fl/crafting.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr size_t kSize = 20000;

struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments_of_difference(const Vector& a, const Vector& b) {
  Moments m;
  const auto n = static_cast<double>(a.size());
  for (size_t i = 0; i < a.size(); ++i) m.mean += (a[i] - static_cast<double>(b[i])) / n;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = a[i] - static_cast<double>(b[i]) - m.mean;
    m.deviation += d * d / n;
  }
  m.deviation = std::sqrt(m.deviation);
  return m;
}
// Five standard errors of the mean and of the deviation of kSize normal numbers.
void check_normal(const Vector& a, const Vector& b, double mean, double deviation) {
  const Moments m = moments_of_difference(a, b);
  const double error = deviation / std::sqrt(static_cast<double>(kSize));
  CHECK(std::abs(m.mean - mean) < 5 * error);
  CHECK(std::abs(m.deviation - deviation) < 5 * error / std::sqrt(2.0));
}

}  // namespace

TEST_CASE("gaussian: N(mean, std^2) as the update, or as the weights") {
  const Vector global = normal_vector(kSize, 1), zeros(kSize, 0.0f);
  Crafting scene(global, {});
  const std::vector<ModelState> crafted = scene.craft("gaussian");
  REQUIRE(crafted.size() == 2);
  for (const ModelState& state : crafted) check_normal(state.parameters.to_host(), global, 0, 1);
  CHECK(numbers(crafted[0]) != numbers(crafted[1]));
  check_normal(scene.weights("gaussian", {{"mean", 3.0}, {"std", 0.25}}), global, 3, 0.25);
  const Vector weights =
      scene.weights("gaussian", {{"mean", 3.0}, {"target", std::string("weights")}});
  check_normal(weights, zeros, 3, 1);
  CHECK(scene.weights("gaussian", {{"std", 0.0}}) == global);
}

TEST_CASE("same_value: one number as weights, or as update") {
  const std::string update = "update";
  Crafting scene({1, -2, 0.5}, {});
  CHECK(scene.weights("same_value") == Vector{100, 100, 100});
  CHECK(scene.weights("same_value", {{"value", -0.25}, {"target", update}}) ==
        Vector{0.75, -2.25, 0.25});
  CHECK(scene.craft("same_value").size() == 2);
}

TEST_CASE("free_rider: plain is the global model, disguised has noise that fades over rounds") {
  const std::string plain = "plain";
  const Vector global = normal_vector(kSize, 1);
  Crafting scene(global, {});
  for (const ModelState& state : scene.craft("free_rider", {{"variant", plain}}))
    CHECK(numbers(state) == numbers(scene.global));
  const std::vector<ModelState> crafted = scene.craft("free_rider", {{"sigma", 0.8}});
  for (const ModelState& state : crafted)
    check_normal(state.parameters.to_host(), global, 0, 0.2);  // 0.8 / 4, round 4
  CHECK(numbers(crafted[0]) != numbers(crafted[1]));
  check_normal(scene.weights("free_rider", {{"sigma", 0.8}, {"gamma", 0.5}}), global, 0, 0.4);
}

// Sent weights change by 3 everywhere before round 2: sigma is 3 * 2^gamma.
TEST_CASE("free_rider: sigma from the first change that is seen, also where a round comes again") {
  const Vector first = normal_vector(kSize, 1);
  Vector second = first, third = first;
  for (float& value : second) value += 3;
  for (float& value : third) value += 100;
  Crafting scene(first, {});
  const auto attack = make_attack("free_rider");
  const auto round = [&](int64_t number, const Vector& sent) {
    scene.round = number;
    scene.global.parameters = Tensor::from(scene.context, Shape{static_cast<int64_t>(kSize)}, sent);
    return scene.craft(*attack)[0].parameters.to_host();
  };
  CHECK(round(1, first) == first);
  CHECK(round(1, first) == first);  // interrupted, and again
  const Vector got = round(2, second);
  check_normal(got, second, 0, 3);
  CHECK(round(2, second) == got);
  check_normal(round(4, third), third, 0, 1.5);
}

TEST_CASE("without data: statistics and counters are the global model's, draws are keyed") {
  for (const char* name : {"gaussian", "same_value", "free_rider"}) {
    CAPTURE(name);
    Crafting scene(normal_vector(100, 1), {});
    const std::vector<Setting> settings = name == std::string("free_rider")
                                              ? std::vector<Setting>{{"sigma", 1.0}}
                                              : std::vector<Setting>{};
    const Vector before = numbers(scene.global);
    const std::vector<ModelState> crafted = scene.craft(name, settings);
    for (const ModelState& state : crafted) {
      CHECK(&state.parameters.context() == &scene.context);
      CHECK(state.statistics.to_host() == Vector{7, 7});
      CHECK(state.counters == std::vector<int64_t>{5});
    }
    CHECK(numbers(scene.global) == before);
    if (name == std::string("same_value")) continue;
    const Vector first = numbers(crafted[0]), second = numbers(crafted[1]);
    CHECK(numbers(scene.craft(name, settings)[0]) == first);
    scene.seed = 10;
    CHECK(numbers(scene.craft(name, settings)[0]) != first);
    scene.seed = 9;
    scene.attackers = {3, 5};
    CHECK(numbers(scene.craft(name, settings)[0]) != first);
    CHECK(numbers(scene.craft(name, settings)[1]) == second);
    scene.round = 5;
    CHECK(numbers(scene.craft(name, settings)[1]) != second);
  }
}

}  // namespace fedcamae
