#include <algorithm>
#include <cmath>
#include <set>

#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr int64_t kSize = 20000;  // parameters of the states here

// Three overheard and two own models, all different, and two attackers.
struct Scene {
  Context context{device_options(1)}, worker{testing::device_options(1)};
  ModelState global = random_state(context, kSize, 100);
  std::vector<ModelState> overheard, own;
  std::vector<int64_t> attackers{2, 5};
  std::vector<StateEntry> entries;
  int64_t round = 4;
  uint64_t seed = 9;
  Scene() {
    for (uint64_t i = 1; i <= 3; ++i) overheard.push_back(random_state(worker, kSize, i));
    for (uint64_t i = 11; i <= 12; ++i) own.push_back(random_state(worker, kSize, i));
  }
  std::vector<ModelState> craft(Attack& attack) {
    return attack.craft({round, seed, global, overheard, own, attackers, entries, context});
  }
};

bool same_rest(const ModelState& a, const ModelState& b) {
  return a.statistics.to_host() == b.statistics.to_host() && a.counters == b.counters;
}

// The overheard update whose statistics and counters `crafted` has.
size_t copied(const Scene& scene, const ModelState& crafted) {
  for (size_t i = 0; i < scene.overheard.size(); ++i)
    if (same_rest(scene.overheard[i], crafted)) return i;
  FAIL("statistics and counters of no benign update");
  return 0;
}

// crafted - what it was copied from, in double.
std::vector<double> added(const Scene& scene, const ModelState& crafted) {
  const std::vector<float> a = crafted.parameters.to_host();
  const std::vector<float> b = scene.overheard[copied(scene, crafted)].parameters.to_host();
  std::vector<double> d;
  for (size_t i = 0; i < a.size(); ++i)
    d.push_back(static_cast<double>(a[i]) - static_cast<double>(b[i]));
  return d;
}

}  // namespace

TEST_CASE("every attack has a name, a text and a knowledge; hooks say the same") {
  std::set<std::string> names;
  for (const AttackInfo& info : attacks()) {
    CAPTURE(info.name);
    names.insert(info.name);
    CHECK(!info.doc.empty());
    const std::unique_ptr<Attack> attack = info.make(Options(info.options));
    CHECK(attack->overhears() == info.knowledge.starts_with("overhears"));
    CHECK(attack->trains() == info.knowledge.starts_with("own data"));
    CHECK(attack->harmless() == (info.name == "none"));
  }
  CHECK(names == std::set<std::string>{"adaptive", "alie", "fang_krum", "free_rider", "gae",
                                       "gaussian", "ipm", "label_flip", "min_max", "min_sum",
                                       "noise", "none", "same_value", "sign_flip"});
}

TEST_CASE("none and label_flip upload what was trained") {
  Scene scene;
  for (const char* name : {"none", "label_flip"}) {
    const std::vector<ModelState> crafted = scene.craft(*make_attack(name));
    REQUIRE(crafted.size() == 2);
    for (size_t i = 0; i < 2; ++i) CHECK(numbers(crafted[i]) == numbers(scene.own[i]));
  }
}

TEST_CASE("label_flip turns every label round, twice is nothing; the others leave them") {
  for (const AttackInfo& info : attacks()) {
    CAPTURE(info.name);
    std::vector<int32_t> labels{0, 1, 9, 4, 5};
    const std::unique_ptr<Attack> attack = info.make(Options(info.options));
    attack->poison_labels(labels, 10);
    const bool flips = info.name == "label_flip";
    CHECK(labels ==
          (flips ? std::vector<int32_t>{9, 8, 0, 5, 4} : std::vector<int32_t>{0, 1, 9, 4, 5}));
    attack->poison_labels(labels, 10);
    CHECK(labels == std::vector<int32_t>{0, 1, 9, 4, 5});
  }
}

TEST_CASE("label_flip, targeted: labels of the source turn into the target, nothing else") {
  const std::string targeted = "targeted";
  std::vector<int32_t> labels{0, 2, 7, 2, 5};
  make_attack("label_flip", {{"mode", targeted}})->poison_labels(labels, 10);
  CHECK(labels == std::vector<int32_t>{0, 7, 7, 7, 5});
  make_attack("label_flip", {{"mode", targeted}, {"source", int64_t{5}}, {"target", int64_t{0}}})
      ->poison_labels(labels, 10);
  CHECK(labels == std::vector<int32_t>{0, 7, 7, 7, 0});
  check_error(ErrorKind::kUsage, "source and target are both class 3", [&] {
    make_attack("label_flip", {{"mode", targeted}, {"source", int64_t{3}}, {"target", int64_t{3}}});
  });
  Scene scene;
  const std::vector<ModelState> crafted =
      scene.craft(*make_attack("label_flip", {{"mode", targeted}}));
  for (size_t i = 0; i < 2; ++i) CHECK(numbers(crafted.at(i)) == numbers(scene.own[i]));
}

TEST_CASE("noise: U(1, 2) on the parameters of different benign updates, nothing else") {
  Scene scene;
  const std::vector<ModelState> crafted = scene.craft(*make_attack("noise"));
  REQUIRE(crafted.size() == 2);
  CHECK(copied(scene, crafted[0]) != copied(scene, crafted[1]));
  // w + noise is rounded to float32; |w + noise| stays below 8.
  constexpr double kSumRounding = 8 * 0x1.0p-24;
  for (const ModelState& state : crafted) {
    CHECK(&state.parameters.context() == &scene.context);
    std::vector<double> noise = added(scene, state);
    double mean = 0;
    for (const double value : noise) mean += value / static_cast<double>(kSize);
    std::sort(noise.begin(), noise.end());
    CHECK(noise.front() >= 1 - kSumRounding);
    CHECK(noise.back() <= 2 + kSumRounding);
    // Of U(1, 2): mean 1.5 with standard error 0.0020; the ends are met within 20 / kSize but for
    // a chance of e^-20.
    CHECK(std::abs(mean - 1.5) < 0.012);
    CHECK(noise.front() < 1.001);
    CHECK(noise.back() > 1.999);
  }
  CHECK(added(scene, crafted[0]) != added(scene, crafted[1]));
}

TEST_CASE("noise: the upper bound is never reached, even by rounding") {
  Scene scene;
  const std::vector<float> zeros(kSize, 0.0f);
  for (ModelState& state : scene.overheard)
    state.parameters = Tensor::from(scene.worker, Shape{kSize}, zeros);
  const double above = std::nextafter(1.0f, 2.0f);
  for (const ModelState& state :
       scene.craft(*make_attack("noise", {{"low", 1.0}, {"high", above}})))
    CHECK(state.parameters.to_host() == std::vector<float>(kSize, 1.0f));
  check_error(ErrorKind::kUsage, "low", [] { make_attack("noise", {{"low", 2.0}}); });
  check_error(ErrorKind::kUsage, "low", [] {
    make_attack("noise", {{"low", 1.0}, {"high", 1.0 + 1e-12}});
  });
}

TEST_CASE("noise: keyed by seed, round and attacker") {
  Scene scene;
  const auto crafted = [&] {
    std::vector<std::vector<float>> all;
    for (const ModelState& state : scene.craft(*make_attack("noise")))
      all.push_back(numbers(state));
    return all;
  };
  const std::vector<std::vector<float>> first = crafted();
  CHECK(crafted() == first);
  scene.round = 5;
  CHECK(crafted()[0] != first[0]);
  scene.round = 4;
  scene.seed = 10;
  CHECK(crafted()[0] != first[0]);
  scene.seed = 9;
  scene.attackers = {3, 5};
  CHECK(crafted()[0] != first[0]);
  CHECK(crafted()[1] == first[1]);
}

TEST_CASE("noise: more attackers than benign updates; nobody benign") {
  Scene scene;
  scene.attackers = {0, 1, 2, 3, 4, 5, 6};
  std::vector<int> uses(3);
  for (const ModelState& state : scene.craft(*make_attack("noise"))) ++uses[copied(scene, state)];
  std::sort(uses.begin(), uses.end());
  CHECK(uses == std::vector<int>{2, 2, 3});
  scene.overheard.clear();
  const std::vector<ModelState> crafted = scene.craft(*make_attack("noise"));
  CHECK(crafted.size() == 7);
  for (const ModelState& state : crafted) CHECK(same_rest(state, scene.global));
}

TEST_CASE("sign_flip: global - scale * (own - global); statistics as trained") {
  Scene scene;
  const std::vector<std::vector<float>> before{numbers(scene.own[0]), numbers(scene.own[1])};
  // Two roundings of numbers below 16 in the difference, its product and the sum.
  constexpr double kRoundings = 3 * 16 * 0x1.0p-24;
  for (const double scale : {1.0, 2.5}) {
    const std::vector<ModelState> crafted =
        scene.craft(*make_attack("sign_flip", {{"scale", scale}}));
    REQUIRE(crafted.size() == 2);
    const std::vector<float> global = scene.global.parameters.to_host();
    for (size_t i = 0; i < 2; ++i) {
      CHECK(same_rest(crafted[i], scene.own[i]));
      CHECK(numbers(scene.own[i]) == before[i]);
      const std::vector<float> own = scene.own[i].parameters.to_host();
      const std::vector<float> got = crafted[i].parameters.to_host();
      double worst = 0;
      for (size_t j = 0; j < got.size(); ++j) {
        const double g = global[j], expected = g - scale * (own[j] - g);
        worst = std::max(worst, std::abs(got[j] - expected));
      }
      CHECK(worst < kRoundings);
    }
  }
  check_error(ErrorKind::kUsage, "scale", [] { make_attack("sign_flip", {{"scale", 0.0}}); });
}

}  // namespace fedcamae
