// Norm clipping and centred clipping, worked by hand on points of a line from 0.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "core/random.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

constexpr double kRounding = 1e-6;  // of a few float32 additions, relative

std::vector<ClientUpdate> points(Server& server, const std::vector<double>& values) {
  std::vector<ClientUpdate> updates;
  for (const double value : values)
    updates.push_back(server.point(static_cast<int64_t>(updates.size()), value));
  return updates;
}
double first(const DefenseResult& result) {
  return static_cast<double>(result.next.parameters.to_host()[0]);
}

TEST_CASE("norm clipping: the mean of 2 and of -12 cut to -3") {
  Server server;
  const ModelState zero = server.zeros();
  const std::vector<ClientUpdate> updates = points(server, {2, -12});
  const DefenseResult result =
      make_defense("norm_clipping")->aggregate(server.round_from(zero), updates);
  CHECK(first(result) == doctest::Approx(-0.5).epsilon(kRounding));
  CHECK(result.next.parameters.to_host()[1] == 0);
  CHECK(result.verdict.score == std::vector<double>{2, 12});
  CHECK(result.verdict.accepted == std::vector<bool>(2, true));
  CHECK(std::isnan(result.verdict.threshold));
}

TEST_CASE("norm clipping: steps are from the global state, not from 0") {
  Server server;
  const ModelState global = server.constant(9, 100).state;
  std::vector<ClientUpdate> updates = {server.constant(0, 100), server.constant(1, 100)};
  ops::fill_(updates[0].state.parameters.window(3, {1}), 110);
  const DefenseResult result = make_defense("norm_clipping", {{"limit", 4.0}})
                                   ->aggregate(server.round_from(global), updates);
  CHECK(result.verdict.score == std::vector<double>{10, 0});
  const std::vector<float> next = result.next.parameters.to_host();
  CHECK(static_cast<double>(next[3]) == doctest::Approx(102).epsilon(kRounding));
  CHECK(next[2] == 100);
}

TEST_CASE("norm clipping: limit 0 is the median length; what is not finite is no part of it") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates = points(server, {2, -12, 4});
  updates.push_back(server.not_finite(3));
  const DefenseResult result =
      make_defense("norm_clipping", {{"limit", 0.0}})->aggregate(server.round_from(zero), updates);
  CHECK(first(result) == doctest::Approx(2.0 / 3).epsilon(kRounding));  // 2 - 4 + 4
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, true, false});
  CHECK(std::isnan(result.verdict.score[3]));
}

TEST_CASE("norm clipping: claimed samples weigh; statistics and counters are not clipped") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates = points(server, {2, -12});
  updates[0].samples = 30;
  ops::fill_(updates[1].state.statistics, 400);
  for (int64_t& counter : updates[1].state.counters) counter = 400;
  const DefenseResult result =
      make_defense("norm_clipping")->aggregate(server.round_from(zero, 1, true), updates);
  CHECK(first(result) == doctest::Approx(0.75).epsilon(kRounding));  // 3/4 * 2 - 1/4 * 3
  for (const float v : result.next.statistics.to_host()) REQUIRE(v == 100);
  for (const int64_t counter : result.next.counters) CHECK(counter == 100);
}

TEST_CASE("norm clipping: noise of the given size, another one each round") {
  Server server;
  const ModelState zero = server.zeros();
  const std::vector<ClientUpdate> updates = points(server, {0});
  const auto noise = [&](int64_t round) {
    return make_defense("norm_clipping", {{"noise", 0.25}})
        ->aggregate(server.round_from(zero, round), updates)
        .next.parameters.to_host();
  };
  const std::vector<float> second = noise(2);
  Random random({.seed = 5, .purpose = Purpose::kDefense, .round = 2});
  for (const float v : second)
    REQUIRE(std::abs(static_cast<double>(v) - 0.25 * random.normal()) < 1e-6);
  CHECK(noise(2) == second);
  CHECK(noise(3) != second);
}

std::unique_ptr<Defense> centred(int64_t iterations = 1) {
  return make_defense("centred_clipping", {{"tau", 4.0}, {"iterations", iterations}});
}

TEST_CASE("centred clipping: around the last round's step, also when a round comes again") {
  Server server;
  const std::unique_ptr<Defense> rule = centred();
  const ModelState zero = server.zeros();
  const DefenseResult one = rule->aggregate(server.round_from(zero, 1), points(server, {2, 100}));
  CHECK(first(one) == doctest::Approx(3).epsilon(kRounding));  // (2 + 4) / 2
  CHECK(one.verdict.score == std::vector<double>{2, 100});
  CHECK(one.verdict.accepted == std::vector<bool>(2, true));
  for (int again = 0; again < 3; ++again) {
    // Steps 5 and -50 from 3; around 3 they are 2 and -53.
    const DefenseResult two =
        rule->aggregate(server.round_from(one.next, 2), points(server, {8, -47}));
    CHECK(two.verdict.score[0] == doctest::Approx(2).epsilon(kRounding));
    CHECK(two.verdict.score[1] == doctest::Approx(53).epsilon(kRounding));
    CHECK(first(two) == doctest::Approx(5).epsilon(kRounding));  // 3 + 3 + (2 - 4) / 2
  }
}

TEST_CASE("centred clipping: a second iteration starts where the first came") {
  Server server;
  const ModelState zero = server.zeros();
  // From 3: -1 and 4 of 97.
  const DefenseResult result =
      centred(2)->aggregate(server.round_from(zero), points(server, {2, 100}));
  CHECK(first(result) == doctest::Approx(4.5).epsilon(kRounding));
  CHECK(result.verdict.score == std::vector<double>{2, 100});
}

TEST_CASE("centred clipping: a round without a finite update leaves its memory") {
  Server server;
  const std::unique_ptr<Defense> rule = centred();
  const ModelState zero = server.zeros();
  const ModelState one = rule->aggregate(server.round_from(zero, 1), points(server, {2, 100})).next;
  const std::vector<ClientUpdate> bad = {server.not_finite(0)};
  testing::check_same_bits(rule->aggregate(server.round_from(one, 2), bad).next.parameters,
                           one.parameters);
  CHECK(first(rule->aggregate(server.round_from(one, 3), points(server, {8, -47}))) ==
        doctest::Approx(5).epsilon(kRounding));
}

TEST_CASE("centred clipping: claimed samples weigh; statistics are not clipped") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates = points(server, {2, 100});
  updates[0].samples = 30;
  ops::fill_(updates[1].state.statistics, 400);
  const DefenseResult result = centred()->aggregate(server.round_from(zero, 1, true), updates);
  CHECK(first(result) == doctest::Approx(2.5).epsilon(kRounding));  // 3/4 * 2 + 1/4 * 4
  for (const float v : result.next.statistics.to_host()) REQUIRE(v == 100);
}

}  // namespace
}  // namespace fedcamae
