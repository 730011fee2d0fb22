#include "fl/train.h"

#include <cmath>
#include <numeric>

#include "core/ops.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

const Normalization kTiny{{0.25f, 0.25f, 0.25f}, {0.2f, 0.2f, 0.2f}};

std::vector<int64_t> range(int64_t n) {
  std::vector<int64_t> v(static_cast<size_t>(n));
  std::iota(v.begin(), v.end(), 0);
  return v;
}

struct Bench {
  Context context{device_options(1)};
  ImageSet set = tiny_images(40, 4, 5);
  Model model{{"small_cnn", 4}, context};
  Bench() { model.initialize(1); }
  BatchLoader loader(int64_t batch = 8) {
    return {set, range(set.count()), {.batch = batch, .normalization = kTiny, .seed = 2}, context};
  }
};

const TrainSpec kSpec{.optimizer = {.type = "adam", .lr = 0.01}, .steps = 6};

}  // namespace

TEST_CASE("train: steps counted from 1, the mean of their losses, the mode as it was") {
  Bench bench;
  BatchLoader loader = bench.loader();
  std::vector<double> losses;
  const double mean = train(bench.model, loader, kSpec, [&](const TrainStep& step) {
    losses.push_back(step.loss);
    CHECK(step.step == static_cast<int64_t>(losses.size()));
    CHECK(step.seconds >= 0);
    CHECK(bench.model.training());
    return true;
  });
  CHECK(losses.size() == 6);
  CHECK(mean == std::accumulate(losses.begin(), losses.end(), 0.0) / 6);
  CHECK(losses.back() < losses.front());
  CHECK_FALSE(bench.model.training());
  bench.model.set_training(true);
  train(bench.model, loader, {.steps = 1});
  CHECK(bench.model.training());
  CHECK(bench.model.counters() == std::vector<int64_t>{7, 7, 7});
}

TEST_CASE("train: the first loss is that of the initial model; on_step stops; no steps, no loss") {
  Bench bench;
  BatchLoader loader = bench.loader(40);
  const std::vector<float> before = numbers(bench.model.state());
  CHECK(std::isnan(train(bench.model, loader, {.steps = 0})));
  CHECK(numbers(bench.model.state()) == before);
  // Batch norm in training mode over all images at once: the loader's order moves only roundings.
  constexpr double kOrder = 1e-5;
  bench.model.set_training(true);
  const Batch all = make_batch(bench.set, range(40), 0, 40, kTiny, bench.context);
  double expected = 0;
  {
    const NoGrad no_grad;
    const Tensor logits = bench.model.forward(all.images).value();
    for (const float l : ops::softmax_cross_entropy(logits, all.labels).loss_per_row.to_host())
      expected += l / 40.0;
  }
  Bench fresh;
  BatchLoader again = fresh.loader(40);
  int steps = 0;
  const double loss = train(fresh.model, again, kSpec, [&](const TrainStep&) {
    ++steps;
    return false;
  });
  CHECK(steps == 1);
  CHECK(std::abs(loss - expected) < kOrder);
}

TEST_CASE("train: the schedule runs over the steps; a rate of zero moves no parameter") {
  const auto trained = [](const ScheduleSpec& schedule, double lr) {
    Bench bench;
    BatchLoader loader = bench.loader();
    TrainSpec spec = kSpec;
    spec.optimizer.lr = lr;
    spec.schedule = schedule;
    train(bench.model, loader, spec);
    return bench.model.parameters().to_host();
  };
  Bench bench;
  CHECK(trained({}, 0) == bench.model.parameters().to_host());
  CHECK(trained({}, 0.01) != trained({.type = "cosine"}, 0.01));
  // From the fourth step on the rate is 0: as if there were three.
  const std::vector<float> stopped = trained({.type = "step", .gamma = 0, .every = 3}, 0.01);
  BatchLoader loader = bench.loader();
  TrainSpec three = kSpec;
  three.steps = 3;
  train(bench.model, loader, three);
  CHECK(bench.model.parameters().to_host() == stopped);
}

TEST_CASE("train: label smoothing is passed; an exception leaves the mode as it was") {
  Bench plain, smooth;
  BatchLoader a = plain.loader(), b = smooth.loader();
  TrainSpec spec = kSpec;
  const double loss = train(plain.model, a, spec);
  spec.label_smoothing = 0.2f;
  CHECK(train(smooth.model, b, spec) != loss);
  CHECK_THROWS_AS(
      train(plain.model, a, spec, [](const TrainStep&) -> bool { throw Interrupted{}; }),
      Interrupted);
  CHECK_FALSE(plain.model.training());
}

TEST_CASE("evaluate: a case counted by hand") {
  // All parameters zero but the head's bias: every image gets the logits (0, ln 2, 0, 0, 0).
  Context context(device_options(1));
  Model model({"small_cnn", 5}, context);
  model.initialize(1);
  ModelState state = model.state();
  ops::fill_(state.parameters, 0);
  std::vector<float> bias{0, std::log(2.0f), 0, 0, 0};
  ops::copy_(Tensor::from(context, Shape{5}, bias),
             state.parameters.window(state.parameters.size() - 5, Shape{5}));
  model.set_state(state);
  const ImageSet set = tiny_images(30, 4, 5);
  // Labels 0 1 2 3 0 1 2 3 ..: of images 1..7 two are of class 1, 2 and 3, one of class 0.
  const Evaluation e = evaluate(model, set, {1, 2, 3, 4, 5, 6, 7}, kTiny, 3);
  CHECK(e.count == 7);
  CHECK(e.accuracy == doctest::Approx(2.0 / 7));
  CHECK(e.class_count == std::vector<int64_t>{1, 2, 2, 2, 0});
  CHECK(e.class_correct == std::vector<int64_t>{0, 2, 0, 0, 0});
  // -ln(2/6) twice, -ln(1/6) five times; float32 logs.
  constexpr double kFloatLogs = 1e-6;
  CHECK(e.loss == doctest::Approx((2 * std::log(3.0) + 5 * std::log(6.0)) / 7).epsilon(kFloatLogs));
}

TEST_CASE("evaluate: order and batches move no count; repeated and no indices; the mode stays") {
  Bench bench;
  BatchLoader loader = bench.loader();
  train(bench.model, loader, kSpec);
  const Evaluation a = evaluate(bench.model, bench.set, {0, 1, 2, 3, 4, 9}, kTiny);
  const Evaluation b = evaluate(bench.model, bench.set, {9, 3, 1, 4, 0, 2}, kTiny, 2);
  constexpr double kSumOrder = 1e-12;  // float32 losses added in double; rows do not see the batch
  CHECK(a.accuracy == b.accuracy);
  CHECK(a.loss == doctest::Approx(b.loss).epsilon(kSumOrder));
  CHECK(a.class_count == b.class_count);
  CHECK(a.class_correct == b.class_correct);
  CHECK(evaluate(bench.model, bench.set, {7, 7, 7}, kTiny).class_count[3] == 3);
  const Evaluation none = evaluate(bench.model, bench.set, {}, kTiny);
  CHECK(none.count == 0);
  CHECK(none.accuracy == 0);
  CHECK(std::isnan(none.loss));
  bench.model.set_training(true);
  const std::vector<float> before = numbers(bench.model.state());
  evaluate(bench.model, bench.set, {0, 1}, kTiny);
  CHECK(bench.model.training());
  CHECK(numbers(bench.model.state()) == before);
  CHECK_THROWS_AS(evaluate(bench.model, bench.set, {0, 40}, kTiny), Error);
  CHECK(bench.model.training());
  check_error(ErrorKind::kUnexpected, "at least one image",
              [&] { evaluate(bench.model, bench.set, {0}, kTiny, 0); });
}

}  // namespace fedcamae
