// gae, variant paper, as the round loop calls it; its parts are in test_update_geometry.cpp and
// test_variational_graph.cpp.
#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "fl/train.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr int64_t kSize = 5000;
constexpr double kRounding = 1e-4;  // relative; float32 sums of a few models in a distance

struct Scene {
  Context context{device_options(1)}, worker{testing::device_options(1)};
  ModelState global = random_state(context, kSize, 100);
  std::vector<ModelState> overheard;
  std::vector<int64_t> attackers{2, 5, 6};
  std::vector<StateEntry> entries;
  explicit Scene(int64_t benign) {
    for (int64_t i = 0; i < benign; ++i) {
      overheard.push_back(random_state(worker, kSize, static_cast<uint64_t>(i) + 1));
      // A common step and spreads of different size.
      ops::scale_(0.1f * static_cast<float>(i + 1), overheard.back().parameters);
      ops::axpy_(1.5f, global.parameters, overheard.back().parameters);
    }
  }
  std::vector<ModelState> craft(const std::vector<Setting>& settings) {
    std::vector<Setting> all{{"variant", std::string("paper")}};
    all.insert(all.end(), settings.begin(), settings.end());
    return make_attack("gae", all)
        ->craft({3, 9, global, overheard, {}, attackers, entries, context});
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

double distance(const ModelState& state, const std::vector<double>& to) {
  const std::vector<float> w = state.parameters.to_host();
  double square = 0;
  for (size_t j = 0; j < w.size(); ++j) square += (w[j] - to[j]) * (w[j] - to[j]);
  return std::sqrt(square);
}

double largest_distance(const Scene& scene) {
  double largest = 0;
  for (const ModelState& state : scene.overheard)
    largest = std::max(largest, distance(state, scene.mean()));
  return largest;
}

Setting text(const std::string& name, const std::string& value) { return {name, value}; }

}  // namespace

TEST_CASE("gae paper: within the bound of the overheard models; the rest of a benign update") {
  Scene scene(5);
  const double radius = largest_distance(scene);
  for (const char* objective : {"none", "step", "cosine"})
    for (const double bound : {1.0, 0.25}) {
      CAPTURE(objective);
      CAPTURE(bound);
      const std::vector<ModelState> crafted =
          scene.craft({text("objective", objective), {"bound", bound}});
      REQUIRE(crafted.size() == 3);
      for (const ModelState& state : crafted) {
        CHECK(&state.parameters.context() == &scene.context);
        CHECK(distance(state, scene.mean()) <= bound * radius * (1 + 1e-6));
        CHECK(std::any_of(scene.overheard.begin(), scene.overheard.end(), [&](const ModelState& o) {
          return o.statistics.to_host() == state.statistics.to_host() &&
                 o.counters == state.counters;
        }));
      }
      CHECK(numbers(crafted[0]) != numbers(crafted[1]));
    }
}

// As many attackers as models, no ascent and no bound that binds: each uploads another row of F'.
TEST_CASE("gae paper: the regenerated models together keep the column mean and the spread") {
  Scene scene(5);
  scene.attackers = {0, 1, 2, 3, 4};
  const std::vector<ModelState> rows = scene.craft({text("objective", "none"), {"bound", 100.0}});
  const std::vector<double> mean = scene.mean();
  std::vector<double> regenerated(kSize, 0.0);
  double before = 0, after = 0;
  for (size_t i = 0; i < 5; ++i) {
    before += std::pow(distance(scene.overheard[i], mean), 2);
    after += std::pow(distance(rows[i], mean), 2);
    const std::vector<float> w = rows[i].parameters.to_host();
    for (size_t j = 0; j < w.size(); ++j) regenerated[j] += w[j] / 5.0;
  }
  CHECK(std::abs(after - before) <= kRounding * before);
  double worst = 0;
  for (size_t j = 0; j < mean.size(); ++j)
    worst = std::max(worst, std::abs(regenerated[j] - mean[j]));
  CHECK(worst <= 1e-5);
  // And they are new: none is a benign model.
  for (const ModelState& row : rows)
    for (const ModelState& heard : scene.overheard) {
      const std::vector<float> w = heard.parameters.to_host();
      CHECK(distance(row, {w.begin(), w.end()}) > 0.01 * std::sqrt(before));
    }
}

TEST_CASE("gae paper: the order in which models were overheard moves no bit") {
  Scene scene(5);
  const std::vector<ModelState> first = scene.craft({});
  std::rotate(scene.overheard.begin(), scene.overheard.begin() + 2, scene.overheard.end());
  const std::vector<ModelState> second = scene.craft({});
  for (size_t i = 0; i < first.size(); ++i) CHECK(numbers(first[i]) == numbers(second[i]));
}

TEST_CASE("gae paper: objectives differ, the step's goes against the mean step; reproducible") {
  Scene scene(5);
  const auto along = [&](const ModelState& state) {
    const std::vector<float> w = state.parameters.to_host(), g = scene.global.parameters.to_host();
    const std::vector<double> mean = scene.mean();
    double sum = 0;
    for (size_t j = 0; j < w.size(); ++j) sum += (w[j] - g[j]) * (mean[j] - g[j]);
    return sum;
  };
  const std::vector<ModelState> none = scene.craft({text("objective", "none")}),
                                step = scene.craft({}),
                                cosine = scene.craft({text("objective", "cosine")});
  CHECK(along(step[0]) < along(none[0]));
  CHECK(numbers(cosine[0]) != numbers(step[0]));
  CHECK(numbers(scene.craft({})[0]) == numbers(step[0]));
  CHECK(numbers(scene.craft({{"epochs", int64_t{0}}})[0]) != numbers(step[0]));
  CHECK(numbers(scene.craft({text("reconstruction", "maximise")})[0]) != numbers(step[0]));
}

TEST_CASE("gae paper: chooses of the overheard; one, none, one that is not finite") {
  Scene scene(8);
  const ModelState one = scene.craft({{"models", int64_t{1}}})[0];
  // Its own mean, and no room around it.
  CHECK(std::any_of(scene.overheard.begin(), scene.overheard.end(), [&](const ModelState& o) {
    const std::vector<float> w = o.parameters.to_host();
    return distance(one, {w.begin(), w.end()}) <= 1e-4 && o.counters == one.counters;
  }));
  Scene broken(4);
  const std::vector<ModelState> three = [&] {
    Scene few(4);
    few.overheard.erase(few.overheard.begin() + 1);
    std::vector<ModelState> crafted;
    for (const ModelState& state : few.craft({})) crafted.push_back(state.to(broken.context));
    return crafted;
  }();
  ops::fill_(broken.overheard[1].parameters.window(7, {1}), NAN);
  CHECK(numbers(broken.craft({})[0]) == numbers(three[0]));
  scene.overheard.clear();
  const std::vector<ModelState> crafted = scene.craft({});
  REQUIRE(crafted.size() == 3);
  CHECK(crafted[0].counters == scene.global.counters);
  const std::vector<float> g = scene.global.parameters.to_host();
  CHECK(distance(crafted[0], {g.begin(), g.end()}) <= 1e-4);
}

// small_cnn on images that it can learn: what the attack ascends is the next global model's loss.
TEST_CASE("gae paper, objective loss: raises the loss as nothing else within the bound") {
  Context context(device_options(1));
  const Dataset dataset = tiny_dataset(64, 40);
  Model model({"small_cnn", 4}, context);
  model.initialize(5);
  const ModelState global = model.state();
  std::vector<ModelState> overheard;
  for (uint32_t client = 0; client < 4; ++client) {
    model.set_state(global);
    std::vector<int64_t> shard;
    for (int64_t i = 0; i < 16; ++i) shard.push_back(4 * i + client);
    BatchLoader loader(dataset.train, shard,
                       {.batch = 8, .normalization = dataset.normalization, .client = client},
                       context);
    train(model, loader, {.optimizer = {.type = "adam", .lr = 0.01}, .steps = 12});
    overheard.push_back(model.state());
  }
  const std::vector<int64_t> attackers{1};
  std::vector<int64_t> all(64);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  const auto mixed_loss = [&](const char* objective) {
    AttackContext scene{1, 9, global, overheard, {}, attackers, model.entries(), context};
    scene.images = &dataset.train;
    scene.normalization = dataset.normalization;
    scene.model = &model;
    const std::unique_ptr<Attack> attack =
        make_attack("gae", {text("variant", "paper"), text("objective", objective)});
    CHECK(attack->uses_images() == (std::string(objective) == "loss"));
    const ModelState state = attack->craft(scene)[0];
    ModelState next{state.parameters.clone(), overheard[0].statistics.clone(), global.counters};
    ops::scale_(0.2f, next.parameters);
    for (const ModelState& heard : overheard) ops::axpy_(0.2f, heard.parameters, next.parameters);
    const BorrowedState borrowed(model, next);
    return evaluate(model, dataset.train, all, dataset.normalization).loss;
  };
  const double loss = mixed_loss("loss");
  for (const char* other : {"none", "step", "cosine"}) {
    CAPTURE(other);
    CHECK(loss > mixed_loss(other) + 0.01);
  }
}

}  // namespace fedcamae
