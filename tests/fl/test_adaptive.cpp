// An attacker who keeps its heat maps within the benign ones' spread.
#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "fl/attacks/map_spread.h"
#include "fl/train.h"
#include "models/layer_cam.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr int64_t kOwn = 6;         // the attackers' images
constexpr double kRounding = 1e-4;  // relative; float32 maps and sums over a model

// Four clients' small_cnn, trained a little from one model, and an attacker's images.
struct Scene {
  Context context{device_options(1)};
  Dataset dataset = tiny_dataset(64, 40);
  Model model{{"small_cnn", 4}, context};
  ModelState global;
  std::vector<ModelState> overheard;
  std::vector<int64_t> attackers{1, 4};
  ImageSet own = tiny_images(kOwn, 4, 9);
  Scene() {
    model.initialize(5);
    global = model.state();
    for (uint32_t client = 0; client < 4; ++client) {
      model.set_state(global);
      std::vector<int64_t> shard;
      for (int64_t i = 0; i < 16; ++i) shard.push_back(4 * i + (i + client) % 4);
      BatchLoader loader(dataset.train, shard,
                         {.batch = 8, .normalization = dataset.normalization, .client = client},
                         context);
      train(model, loader, {.optimizer = {.type = "adam", .lr = 0.01}, .steps = 6});
      overheard.push_back(model.state());
    }
  }
  std::vector<ModelState> craft(const std::vector<Setting>& settings) {
    // The maps of all own images at their own size.
    std::vector<Setting> all{{"probes", kOwn}, {"size", int64_t{0}}, {"map_side", int64_t{8}}};
    all.insert(all.end(), settings.begin(), settings.end());
    AttackContext scene{2, 9, global, overheard, {}, attackers, model.entries(), context};
    scene.images = &own;
    scene.normalization = dataset.normalization;
    scene.model = &model;
    return make_attack("adaptive", all)->craft(scene);
  }
  std::vector<double> mean(const Tensor ModelState::*part) const {
    std::vector<double> m(static_cast<size_t>((global.*part).size()), 0.0);
    for (const ModelState& state : overheard) {
      const std::vector<float> values = (state.*part).to_host();
      for (size_t j = 0; j < m.size(); ++j) m[j] += values[j] / 4.0;
    }
    return m;
  }
  std::vector<float> maps(const ModelState& state) {
    std::vector<int64_t> all(kOwn);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    const Batch batch = make_batch(own, all, 0, kOwn, dataset.normalization, context);
    const BorrowedState borrowed(model, state);
    return scale_maps(layer_cam(model, batch.images, "conv2", own.labels).raw, 8).to_host();
  }
  double map_distance(const ModelState& state) {
    std::vector<double> mean_map(kOwn * 64, 0.0);
    for (const ModelState& heard : overheard) {
      const std::vector<float> found = maps(heard);
      for (size_t j = 0; j < found.size(); ++j) mean_map[j] += found[j] / 4.0;
    }
    return distance(maps(state), mean_map);
  }
  static double distance(const std::vector<float>& a, const std::vector<double>& b) {
    double square = 0;
    for (size_t j = 0; j < a.size(); ++j) square += (a[j] - b[j]) * (a[j] - b[j]);
    return std::sqrt(square);
  }
  // The overheard model whose maps are nearest to the mean map.
  ModelState most_ordinary() {
    const auto nearer = [&](const ModelState& a, const ModelState& b) {
      return map_distance(a) < map_distance(b);
    };
    return *std::min_element(overheard.begin(), overheard.end(), nearer);
  }
  double weight_distance(const ModelState& state) const {
    return distance(state.parameters.to_host(), mean(&ModelState::parameters));
  }
  template <class Distance>
  double largest(const Distance& of) {
    double value = 0;
    for (const ModelState& state : overheard) value = std::max(value, of(state));
    return value;
  }
};

Setting text(const std::string& name, const std::string& value) { return {name, value}; }

}  // namespace

TEST_CASE("the largest number that was checked and holds") {
  std::vector<double> tried;
  const auto below = [&](double limit) {
    return [&tried, limit](double s) {
      tried.push_back(s);
      return s <= limit;
    };
  };
  CHECK(largest_checked(2, 3, below(5)) == 2);
  // 1, 0.5 no, 0.25 yes, 0.375 no, 0.3125 no.
  tried.clear();
  CHECK(largest_checked(1, 4, below(0.3)) == 0.25);
  CHECK(tried == std::vector<double>{1, 0.5, 0.25, 0.375, 0.3125});
  CHECK(largest_checked(1, 4, below(-1)) == 0);
  // Holds in [0.7, 0.8] only: 1 no, 0.5 no, and below it nothing.
  CHECK(largest_checked(1, 10, [](double s) { return s >= 0.7 && s <= 0.8; }) == 0);
}

TEST_CASE("adaptive: weights and maps stay within the benign spread, and it moves") {
  Scene scene;
  const double radius =
      scene.largest([&](const ModelState& s) { return scene.weight_distance(s); });
  const double map_radius =
      scene.largest([&](const ModelState& s) { return scene.map_distance(s); });
  REQUIRE(map_radius > 0);
  const ModelState start = scene.most_ordinary();
  for (const char* direction : {"loss", "step"})
    for (const double slack : {1.0, 0.6}) {
      CAPTURE(direction);
      CAPTURE(slack);
      const std::vector<ModelState> crafted =
          scene.craft({text("direction", direction), {"slack", slack}});
      REQUIRE(crafted.size() == 2);
      CHECK(numbers(crafted[0]) == numbers(crafted[1]));
      CHECK(scene.weight_distance(crafted[0]) <= radius * (1 + 1e-6));
      CHECK(scene.map_distance(crafted[0]) <=
            std::max(slack * map_radius, scene.map_distance(start)) * (1 + kRounding));
      if (slack == 1) CHECK(numbers(crafted[0]) != numbers(start));
      CHECK(crafted[0].statistics.to_host() == start.statistics.to_host());
      CHECK(crafted[0].counters == start.counters);
    }
}

TEST_CASE("adaptive: the direction against the step, where the maps leave it free; no slack") {
  Scene scene;
  const double radius =
      scene.largest([&](const ModelState& s) { return scene.weight_distance(s); });
  const ModelState state = scene.craft({text("direction", "step"), {"slack", 1e6}})[0];
  // mean - radius * (mean - global) / |mean - global|
  const std::vector<double> mean = scene.mean(&ModelState::parameters);
  const std::vector<float> global = scene.global.parameters.to_host();
  const double length = Scene::distance(global, mean);
  std::vector<double> expected;
  for (size_t j = 0; j < mean.size(); ++j)
    expected.push_back(mean[j] - radius * (mean[j] - global[j]) / length);
  CHECK(Scene::distance(state.parameters.to_host(), expected) <= kRounding * radius);
  CHECK(numbers(scene.craft({{"slack", 0.0}})[0]) == numbers(scene.most_ordinary()));
}

TEST_CASE("adaptive: the direction up the loss raises it more than the one against the step") {
  Scene scene;
  const auto loss_of = [&](const char* direction) {
    const ModelState state = scene.craft({text("direction", direction), {"slack", 1e6}})[0];
    ModelState next{state.parameters.clone(), state.statistics, state.counters};
    ops::scale_(1.0f / 3, next.parameters);  // two of six
    for (const ModelState& heard : scene.overheard)
      ops::axpy_(1.0f / 6, heard.parameters, next.parameters);
    const BorrowedState borrowed(scene.model, next);
    std::vector<int64_t> all(64);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    return evaluate(scene.model, scene.dataset.train, all, scene.dataset.normalization).loss;
  };
  CHECK(loss_of("loss") > loss_of("step") + 0.01);
}

TEST_CASE("adaptive: the order of the overheard moves no bit; no images, no updates") {
  Scene scene;
  const ModelState first = scene.craft({})[0];
  std::rotate(scene.overheard.begin(), scene.overheard.begin() + 1, scene.overheard.end());
  CHECK(numbers(scene.craft({})[0]) == numbers(first));
  scene.own = tiny_images(0, 4, 9);
  const std::vector<float> benign = numbers(scene.craft({})[0]);
  CHECK(std::any_of(scene.overheard.begin(), scene.overheard.end(),
                    [&](const ModelState& o) { return numbers(o) == benign; }));
  scene.overheard.clear();
  CHECK(numbers(scene.craft({})[1]) == numbers(scene.global));
}

}  // namespace fedcamae
