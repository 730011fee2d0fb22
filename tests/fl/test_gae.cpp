// The gae attack as the round loop calls it; its graph machinery alone is in test_graph.cpp.
#include <algorithm>
#include <cmath>

#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr int64_t kSize = 20000;

struct Scene {
  Context context{device_options(1)}, worker{testing::device_options(1)};
  ModelState global = random_state(context, kSize, 100);
  std::vector<ModelState> overheard;
  std::vector<int64_t> attackers{2, 5, 6};
  std::vector<StateEntry> entries;
  uint64_t seed = 9;
  explicit Scene(int64_t benign) {
    for (int64_t i = 0; i < benign; ++i)
      overheard.push_back(random_state(worker, kSize, static_cast<uint64_t>(i) + 1));
  }
  std::vector<ModelState> craft(Attack& attack, int64_t round) const {
    return attack.craft(
        {round, seed, global, overheard, {}, attackers, entries, const_cast<Context&>(context)});
  }
  std::vector<std::vector<float>> crafted(Attack& attack, int64_t round) const {
    std::vector<std::vector<float>> all;
    for (const ModelState& state : craft(attack, round)) all.push_back(numbers(state));
    return all;
  }
  std::vector<double> mean() const {
    std::vector<double> m(kSize, 0.0);
    for (const ModelState& state : overheard) {
      const std::vector<float> w = state.parameters.to_host();
      for (size_t j = 0; j < m.size(); ++j) m[j] += w[j] / static_cast<double>(overheard.size());
    }
    return m;
  }
};

// Of what was uploaded over the mean of the overheard models, where that is not near zero.
struct Factors {
  double mean = 0, square = 0, largest = 0;
  int64_t count = 0;
};
Factors factors(const ModelState& crafted, const std::vector<double>& mean) {
  const std::vector<float> w = crafted.parameters.to_host();
  Factors f;
  for (size_t j = 0; j < w.size(); ++j) {
    if (std::abs(mean[j]) < 0.05) continue;
    const double factor = w[j] / mean[j];
    f.mean += factor;
    f.square += factor * factor;
    f.largest = std::max(f.largest, std::abs(factor));
    ++f.count;
  }
  f.mean /= static_cast<double>(f.count);
  f.square /= static_cast<double>(f.count);
  return f;
}

}  // namespace

TEST_CASE("gae: the mean of the overheard models times U(-1, 1); the rest of a benign update") {
  const Scene scene(5);
  const std::unique_ptr<Attack> attack = make_attack("gae");
  const std::vector<ModelState> crafted = scene.craft(*attack, 1);
  REQUIRE(crafted.size() == 3);
  // Coefficients and sums are rounded to float32 at numbers of about 1, the mean is above 0.05.
  constexpr double kRounding = 1e-4;
  for (const ModelState& state : crafted) {
    CHECK(&state.parameters.context() == &scene.context);
    CHECK(std::any_of(scene.overheard.begin(), scene.overheard.end(), [&](const ModelState& o) {
      return o.statistics.to_host() == state.statistics.to_host() && o.counters == state.counters;
    }));
    const Factors f = factors(state, scene.mean());
    CHECK(f.count > kSize / 2);
    // U(-1, 1): mean 0, mean square 1/3, over more than 10000 factors: six standard errors.
    CHECK(std::abs(f.mean) < 0.035);
    CHECK(std::abs(f.square - 1.0 / 3) < 0.018);
    CHECK(f.largest < 1 + kRounding);
    CHECK(f.largest > 0.99);
  }
  CHECK(numbers(crafted[0]) != numbers(crafted[1]));
}

TEST_CASE("gae: normal noise where asked for") {
  const Scene scene(5);
  const std::vector<ModelState> crafted =
      scene.craft(*make_attack("gae", {{"noise", std::string("normal")}}), 1);
  const Factors f = factors(crafted[0], scene.mean());
  // N(0, 1): mean square 1 with standard error 0.014 at most, and numbers far outside of [-1, 1].
  CHECK(std::abs(f.square - 1) < 0.085);
  CHECK(f.largest > 3);
}

TEST_CASE("gae: chooses `models` of the overheard, by the round") {
  const Scene scene(8);
  const auto uploads = [&](int64_t models, int64_t round) {
    return scene.craft(*make_attack("gae", {{"models", models}}), round)[0];
  };
  // With one model the factor to that model is in [-1, 1]; it is one of the eight.
  const ModelState one = uploads(1, 1);
  int fits = 0;
  for (const ModelState& heard : scene.overheard) {
    const std::vector<float> w = heard.parameters.to_host();
    const Factors f = factors(one, {w.begin(), w.end()});
    if (f.largest <= 1.0001) {
      ++fits;
      CHECK(heard.counters == one.counters);
    }
  }
  CHECK(fits == 1);
  // All eight: the mean of all.
  CHECK(factors(uploads(8, 1), scene.mean()).largest < 1.0001);
  std::vector<int64_t> bases;
  for (int64_t round = 1; round <= 12; ++round) bases.push_back(uploads(1, round).counters[0]);
  std::sort(bases.begin(), bases.end());
  CHECK(bases.front() != bases.back());
}

TEST_CASE("gae: reproducible, keyed by the seed, and a round that comes again is the same") {
  Scene scene(4);
  const std::unique_ptr<Attack> attack = make_attack("gae"), twin = make_attack("gae");
  std::vector<std::vector<std::vector<float>>> rounds;
  for (int64_t round = 1; round <= 4; ++round) {
    rounds.push_back(scene.crafted(*attack, round));
    CHECK(scene.crafted(*twin, round) == rounds.back());
    CHECK(scene.crafted(*twin, round) == rounds.back());  // after an interrupted round
  }
  CHECK(rounds[0] != rounds[1]);
  scene.seed = 10;
  CHECK(scene.crafted(*make_attack("gae"), 1) != rounds[0]);
}

TEST_CASE("gae: few benign updates, another number of them, nobody benign") {
  Scene scene(1);
  const std::unique_ptr<Attack> attack = make_attack("gae");
  CHECK(factors(scene.craft(*attack, 1)[0], scene.mean()).largest < 1.0001);
  const Scene more(7);
  CHECK(more.craft(*attack, 2).size() == 3);
  scene.overheard.clear();
  const std::vector<ModelState> crafted = scene.craft(*attack, 3);
  REQUIRE(crafted.size() == 3);
  const std::vector<float> global = scene.global.parameters.to_host();
  CHECK(factors(crafted[0], {global.begin(), global.end()}).largest < 1.0001);
  CHECK(crafted[0].counters == scene.global.counters);
}

}  // namespace fedcamae
