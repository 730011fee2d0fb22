// FLTrust around a step of the server's own that the test takes itself.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/var.h"
#include "core/ops.h"
#include "data/loader.h"
#include "layers/losses.h"
#include "layers/optimizer.h"
#include "models/mode_scope.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

// One step of plain gradient descent: the same numbers but for the order of the images in the mean.
constexpr double kRate = 0.5;
constexpr double kOrder = 1e-4;

std::unique_ptr<Defense> one_step() {
  return make_defense("fltrust", {{"optimizer", std::string("sgd")}, {"lr", kRate}});
}

// The server's step, -rate times the gradient of its twelve images.
std::vector<float> server_step(const RoundContext& round) {
  Model& model = round.model;
  model.set_state(round.global);
  const ModeScope mode(model, true);
  std::vector<int64_t> all(static_cast<size_t>(round.server.images.count()));
  std::iota(all.begin(), all.end(), int64_t{0});
  const Batch batch = make_batch(round.server.images, all, 0, round.server.images.count(),
                                 round.server.normalization, model.context());
  backward(cross_entropy(model.forward(batch.images), batch.labels));
  std::vector<float> step = model.gradients().to_host();
  for (float& v : step) v *= static_cast<float>(-kRate);
  return step;
}

// A vector as long as `step` and at a right angle to it.
std::vector<float> turned(std::vector<float> step) {
  for (size_t i = 0; i + 1 < step.size(); i += 2) {
    std::swap(step[i], step[i + 1]);
    step[i] = -step[i];
  }
  if (step.size() % 2 == 1) step.back() = 0;
  return step;
}

// global + a step + b turned(step)
ClientUpdate moved(const Server& server, int64_t client, const std::vector<float>& step, float a,
                   float b = 0) {
  ClientUpdate update{client, server.global().clone(), 10, 0.5};
  std::vector<float> numbers = update.state.parameters.to_host();
  const std::vector<float> other = turned(step);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] += a * step[i] + b * other[i];
  const Tensor& p = update.state.parameters;
  update.state.parameters = Tensor::from(p.context(), p.shape(), numbers);
  return update;
}

TEST_CASE("FLTrust: scaled to the server's length, averaged by cosine") {
  Server server;
  const RoundContext round = server.round();
  const std::vector<float> step = server_step(round);
  const float root = std::sqrt(3.0f);
  std::vector<ClientUpdate> updates = {moved(server, 0, step, 2), moved(server, 1, step, 1, root),
                                       moved(server, 2, step, -1), moved(server, 3, step, 0),
                                       server.not_finite(4)};
  updates[0].samples = 1000;  // claims do not count
  ops::fill_(updates[0].state.statistics, 3);
  ops::fill_(updates[1].state.statistics, 9);
  ops::fill_(updates[2].state.statistics, 1e6f);
  const DefenseResult result = one_step()->aggregate(server.round(1, true), updates);
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, false, false, false});
  CHECK(std::abs(result.verdict.score[0]) < kOrder);
  CHECK(result.verdict.score[1] == doctest::Approx(0.5).epsilon(kOrder));
  CHECK(result.verdict.score[2] == doctest::Approx(2).epsilon(kOrder));
  CHECK(result.verdict.score[3] == 1);
  CHECK(std::isnan(result.verdict.score[4]));
  CHECK(result.verdict.threshold == 1);
  // Trust 1 and 1/2: (D + (D + root E) / 4) / 1.5.
  const ModelState expected = moved(server, 9, step, 5.0f / 6, root / 6).state;
  const double length =
      std::sqrt(ops::squared_distance(server.global().parameters, expected.parameters));
  CHECK(std::sqrt(ops::squared_distance(result.next.parameters, expected.parameters)) <
        1e-3 * length);
  for (const float v : result.next.statistics.to_host())
    REQUIRE(static_cast<double>(v) == doctest::Approx(5).epsilon(kOrder));
}

TEST_CASE("FLTrust: trains as told, in an order of its own that is the same again") {
  Server server;
  const RoundContext round = server.round(3);
  Model& model = round.model;
  model.set_state(round.global);
  ClientUpdate own{0, {}, 10, 0.5};
  {
    const ModeScope mode(model, true);
    Optimizer optimizer({.type = "adam", .lr = 1e-2, .weight_decay = 0.1}, model.parameters(),
                        model.gradients());
    std::vector<int64_t> all(12);
    std::iota(all.begin(), all.end(), int64_t{0});
    BatchLoader loader(round.server.images, all,
                       {.batch = 5,
                        .normalization = round.server.normalization,
                        .seed = round.seed,
                        .round = 3,
                        .client = std::numeric_limits<uint32_t>::max()},
                       model.context());
    for (int step = 0; step < 2 * 3; ++step) {  // two epochs of 5, 5 and 2
      const Batch batch = loader.next();
      optimizer.backward_and_step(cross_entropy(model.forward(batch.images), batch.labels), 1e-2);
    }
    own.state = model.state();
  }
  const auto score = [&](int64_t epochs, double decay) {
    const std::vector<ClientUpdate> updates = {own};
    const DefenseResult result =
        make_defense(
            "fltrust",
            {{"epochs", epochs}, {"batch", int64_t{5}}, {"lr", 1e-2}, {"weight_decay", decay}})
            ->aggregate(server.round(3), updates);
    CHECK_FALSE(model.training());
    return result.verdict.score[0];
  };
  CHECK(std::abs(score(2, 0.1)) < 1e-12);
  CHECK(score(1, 0.1) > 1e-3);
  CHECK(score(2, 0) > 1e-6);
}

TEST_CASE("FLTrust: nobody trusted, or a server without a direction: the old global state") {
  Server server;
  const std::vector<float> step = server_step(server.round());
  const std::vector<ClientUpdate> against = {moved(server, 0, step, -1),
                                             moved(server, 1, step, -2)};
  const DefenseResult result = one_step()->aggregate(server.round(), against);
  CHECK(result.verdict.accepted == std::vector<bool>(2, false));
  CHECK(result.verdict.nonfinite == std::vector<bool>(2, false));
  testing::check_same_bits(result.next.parameters, server.global().parameters);
  testing::check_same_bits(result.next.statistics, server.global().statistics);
  const std::vector<ClientUpdate> along = {moved(server, 0, step, 1)};
  for (const double rate : {0.0, 1e3}) {  // nothing moves; everything overflows
    const DefenseResult still = make_defense("fltrust", {{"optimizer", std::string("sgd")},
                                                         {"lr", rate},
                                                         {"weight_decay", rate},
                                                         {"epochs", int64_t{rate > 0 ? 40 : 1}}})
                                    ->aggregate(server.round(), along);
    CHECK(still.verdict.score == std::vector<double>{1});
    CHECK(still.verdict.accepted == std::vector<bool>{false});
    testing::check_same_bits(still.next.parameters, server.global().parameters);
  }
}

TEST_CASE("FLTrust: one image of the server's is too few, before the first round") {
  Server server;
  ServerData one = server.data();
  one.images = one.images.subset({0});
  const auto rule = make_defense("fltrust");
  CHECK_THROWS_WITH_AS(rule->check_setup(server.round().model, one),
                       doctest::Contains("data.server_images"), Error);
  CHECK_NOTHROW(rule->check_setup(server.round().model, server.data()));
}

}  // namespace
}  // namespace fedcamae
