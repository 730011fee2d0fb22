// FoolsGold on histories of two numbers; scores and weights of the longer cases by numpy, from the
// paper's Algorithm 1 written down over again.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

constexpr double kRounding = 1e-6;                  // of a few float32 additions, relative
constexpr double kZeroWeight = 0.6224593312018546;  // 1 / (1 + exp(-1/2))

using Steps = std::vector<std::vector<double>>;
// The last two parameters of each.
std::vector<ClientUpdate> updates_of(Server& server, const Steps& steps) {
  std::vector<ClientUpdate> updates;
  for (const std::vector<double>& step : steps)
    updates.push_back(server.vector(static_cast<int64_t>(updates.size()), step, -2));
  return updates;
}
void check_last(const DefenseResult& result, double x, double y) {
  const std::vector<float> next = result.next.parameters.to_host();
  CHECK(std::abs(static_cast<double>(next[next.size() - 2]) - x) <= kRounding * (1 + std::abs(x)));
  CHECK(std::abs(static_cast<double>(next.back()) - y) <= kRounding * (1 + std::abs(y)));
}
void check_scores(const DefenseResult& result, const std::vector<double>& scores) {
  for (size_t i = 0; i < scores.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(result.verdict.score[i] - scores[i]) < 1e-9);
  }
}

TEST_CASE("FoolsGold: two of a kind have no weight beside a third") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates = updates_of(server, {{1, 0}, {1, 0}, {0, 1}});
  ops::fill_(updates[2].state.statistics, 8);
  const DefenseResult result =
      make_defense("foolsgold")->aggregate(server.round_from(zero), updates);
  check_scores(result, {1, 1, 0});
  CHECK(result.verdict.accepted == std::vector<bool>{false, false, true});
  CHECK(result.verdict.threshold == doctest::Approx(kZeroWeight));
  check_last(result, 0, 1);
  testing::check_same_bits(result.next.statistics, updates[2].state.statistics);
}

TEST_CASE("FoolsGold: pardon, logit and the mean by weights") {
  Server server;
  const ModelState zero = server.zeros();
  const std::vector<ClientUpdate> updates =
      updates_of(server, {{3, 4}, {4, 3}, {5, -12}, {-8, 15}});
  const DefenseResult sharp =
      make_defense("foolsgold")->aggregate(server.round_from(zero), updates);
  check_scores(sharp, {0.96, 0.96, 0, 0.18685121107266436});
  CHECK(sharp.verdict.accepted == std::vector<bool>{false, false, true, true});
  check_last(sharp, -1.5, 1.5);
  const DefenseResult soft =
      make_defense("foolsgold", {{"kappa", 0.25}})->aggregate(server.round_from(zero), updates);
  const double weight = 0.4926503668949712;
  check_last(soft, (5 - 8 * weight) / (1 + weight), (-12 + 15 * weight) / (1 + weight));
}

TEST_CASE("FoolsGold: where all are somewhat alike, the least alike have full weight") {
  Server server;
  const ModelState zero = server.zeros();
  const DefenseResult result =
      make_defense("foolsgold")
          ->aggregate(server.round_from(zero),
                      updates_of(server, {{3, 4}, {4, 3}, {0, 1}, {-8, 15}}));
  check_scores(result, {0.96, 0.96, 0.8823529411764706, 0.8823529411764706});
  CHECK(result.verdict.threshold == doctest::Approx(0.9555834507296299).epsilon(1e-9));
  check_last(result, -4, 8);
}

TEST_CASE("FoolsGold: histories add up by client, and a round that comes again adds once") {
  Server server;
  const ModelState zero = server.zeros();
  const std::unique_ptr<Defense> rule = make_defense("foolsgold");
  rule->aggregate(server.round_from(zero, 1), updates_of(server, {{1, 0}, {1, 0}, {0, 1}}));
  for (int again = 0; again < 3; ++again) {
    // H = (1 2), (2 0), (1 1); without a memory the first would have all the weight.
    const DefenseResult result =
        rule->aggregate(server.round_from(zero, 2), updates_of(server, {{0, 2}, {1, 0}, {1, 0}}));
    check_scores(result, {0.9486832980505138, 0.5270462766947298, 0.9486832980505138});
    CHECK(result.verdict.accepted == std::vector<bool>{false, true, false});
    check_last(result, 1, 0);
  }
  // Another client under the same position is another client.
  std::vector<ClientUpdate> others = updates_of(server, {{0, 2}, {1, 0}, {1, 0}});
  for (ClientUpdate& update : others) update.client += 10;
  check_scores(rule->aggregate(server.round_from(zero, 3), others), {0, 1, 1});
}

TEST_CASE("FoolsGold: what is not finite leaves no trace in the history") {
  Server server;
  const ModelState zero = server.zeros();
  const std::unique_ptr<Defense> rule = make_defense("foolsgold");
  std::vector<ClientUpdate> updates = updates_of(server, {{1, 0}, {1, 0}, {0, 1}});
  updates[0] = server.not_finite(0);
  const DefenseResult one = rule->aggregate(server.round_from(zero, 1), updates);
  CHECK(one.verdict.nonfinite == std::vector<bool>{true, false, false});
  const DefenseResult two =
      rule->aggregate(server.round_from(zero, 2), updates_of(server, {{1, 0}, {0, 1}, {0, 1}}));
  // H = (1 0), (1 1), (0 2)
  check_scores(two, {std::sqrt(0.5), std::sqrt(0.5), std::sqrt(0.5)});
}

TEST_CASE("FoolsGold: only the last layer is looked at, unless all is asked for") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates = updates_of(server, {{3, 4}, {3, 4}, {4, -3}});
  const auto scores = [&](const std::string& features) {
    return make_defense("foolsgold", {{"features", features}})
        ->aggregate(server.round_from(zero), updates)
        .verdict.score;
  };
  // small_cnn ends in fc, of 64 x 4 weights and 4 biases: the number before is another layer's.
  const Tensor& p = updates[0].state.parameters;
  ops::fill_(p.window(p.size() - 261, {1}), 12);  // (3 4 12) against (3 4 0)
  CHECK(scores("last_layer")[0] == doctest::Approx(1));
  CHECK(scores("all")[0] == doctest::Approx(5.0 / 13));
  ops::fill_(p.window(p.size() - 260, {1}), 12);  // and this one is the layer's first
  CHECK(scores("last_layer")[0] == doctest::Approx(5.0 / 13));
}

TEST_CASE("FoolsGold: one client alone counts; all alike to the last digit do not") {
  Server server;
  const ModelState zero = server.zeros();
  const auto rule = [] { return make_defense("foolsgold"); };
  const DefenseResult alone =
      rule()->aggregate(server.round_from(zero), updates_of(server, {{3, 4}}));
  CHECK(alone.verdict.accepted == std::vector<bool>{true});
  check_last(alone, 3, 4);
  const DefenseResult still =
      rule()->aggregate(server.round_from(zero), updates_of(server, {{0, 0}, {0, 0}}));
  CHECK(still.verdict.score == std::vector<double>{0, 0});  // no direction, no likeness
  const DefenseResult alike =
      rule()->aggregate(server.round_from(zero), updates_of(server, {{3, 4}, {3, 4}}));
  CHECK(alike.verdict.accepted == std::vector<bool>(2, false));
  CHECK(alike.verdict.threshold == 1);
  testing::check_same_bits(alike.next.parameters, zero.parameters);
}

}  // namespace
}  // namespace fedcamae
