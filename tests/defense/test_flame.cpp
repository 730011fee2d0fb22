// FLAME on steps in a plane, where angles, clipping and means can be worked by hand.
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

// Cosines and lengths come from distances in double.
constexpr double kAngle = 1e-9;
// Of a factor and a sum in float32.
constexpr double kFloat = 1e-6;

std::unique_ptr<Defense> flame(double noise = 0) {
  return make_defense("flame", {{"noise", noise}});
}

// A server whose global state is 0 and steps from there in the plane of two of the coordinates.
class Plane : public Server {
 public:
  ClientUpdate step(int64_t client, double x, double y) {
    ClientUpdate update = point(client, x);
    ops::fill_(update.state.parameters.window(7, {1}), static_cast<float>(y));
    return update;
  }
  DefenseResult judge(const std::unique_ptr<Defense>& rule,
                      const std::vector<ClientUpdate>& updates, int64_t number = 1) {
    const ModelState zero = constant(0, 0).state;
    const RoundContext outer = round(number);
    return rule->aggregate({.round = number,
                            .seed = outer.seed,
                            .global = zero,
                            .model = outer.model,
                            .server = outer.server},
                           updates);
  }
  static void check_next(const DefenseResult& result, double x, double y) {
    const std::vector<float> next = result.next.parameters.to_host();
    CHECK(std::abs(static_cast<double>(next[0]) - x) <= kFloat * 100);
    CHECK(std::abs(static_cast<double>(next[7]) - y) <= kFloat * 100);
    CHECK(next[1] == 0);
  }
};

void check_scores(const Verdict& verdict, const std::vector<double>& scores, double threshold) {
  for (size_t i = 0; i < scores.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(verdict.score[i] - scores[i]) <= kAngle);
  }
  CHECK(std::abs(verdict.threshold - threshold) <= kAngle);
}

// Cosines: 24 / 25 between the first two, 4 / 5 and 3 / 5 to the third, -3 / 5 at best to the last.
// Three of four are a cluster, which ends where the third joins the first two. Lengths 5 10 20 40:
// the median is 15.
TEST_CASE("FLAME: the cluster of most directions, clipped to the median length of all") {
  Plane plane;
  const std::vector<ClientUpdate> updates = {plane.step(0, -40, 0), plane.step(1, 3, 4),
                                             plane.step(2, 20, 0), plane.step(3, 8, 6)};
  const DefenseResult result = plane.judge(flame(), updates);
  check_scores(result.verdict, {1.6, 0.2, 0.2, 0.2}, 0.2);
  CHECK(result.verdict.accepted == std::vector<bool>{false, true, true, true});
  Plane::check_next(result, 26.0 / 3, 10.0 / 3);  // (3 + 15 + 8) / 3, (4 + 0 + 6) / 3
}

TEST_CASE("FLAME: lengths alone reject nobody, a step of length 0 is far from all") {
  Plane plane;
  const DefenseResult one_way =
      plane.judge(flame(), {plane.step(0, 1, 0), plane.step(1, 2, 0), plane.step(2, 900, 0)});
  CHECK(one_way.verdict.accepted == std::vector<bool>(3, true));
  Plane::check_next(one_way, 5.0 / 3, 0);  // (1 + 2 + 2) / 3
  const DefenseResult idle =
      plane.judge(flame(), {plane.step(0, 2, 0), plane.step(1, 0, 0), plane.step(2, 2, 0)});
  check_scores(idle.verdict, {0, 1, 0}, 0);
  CHECK(idle.verdict.accepted == std::vector<bool>{true, false, true});
  Plane::check_next(idle, 2, 0);
}

TEST_CASE("FLAME: one or two updates are the cluster") {
  Plane plane;
  const DefenseResult one = plane.judge(flame(), {plane.step(4, 3, 4)});
  CHECK(one.verdict.accepted == std::vector<bool>{true});
  Plane::check_next(one, 3, 4);
  const DefenseResult two = plane.judge(flame(), {plane.step(4, 3, 0), plane.step(5, -3, 0)});
  CHECK(two.verdict.accepted == std::vector<bool>(2, true));
  check_scores(two.verdict, {2, 2}, 2);
  Plane::check_next(two, 0, 0);
}

TEST_CASE("FLAME: means by samples where the round says so, statistics without clipping") {
  Server server;
  std::vector<ClientUpdate> updates = {server.constant(0, 8, 30), server.constant(1, 8, 10),
                                       server.constant(2, 8, 10)};
  ops::fill_(updates[0].state.statistics, 3);
  updates[0].state.counters.assign(updates[0].state.counters.size(), 3);
  const ModelState equal = flame()->aggregate(server.round(1, false), updates).next;
  const ModelState weighted = flame()->aggregate(server.round(1, true), updates).next;
  CHECK(std::abs(equal.statistics.to_host()[0] - 19.0f / 3) <= 1e-5f);  // (3 + 8 + 8) / 3
  CHECK(std::abs(weighted.statistics.to_host()[0] - 5.0f) <= 1e-5f);    // (9 + 8 + 8) / 5
  for (const int64_t counter : equal.counters) CHECK(counter == 6);
  CHECK(std::abs(weighted.parameters.to_host()[0] - 8.0f) <= 1e-5f);
}

TEST_CASE("FLAME: the noise is the stream of its round, in median lengths") {
  Plane plane;
  const std::vector<ClientUpdate> updates = {plane.step(0, 3, 4), plane.step(1, 6, 8),
                                             plane.step(2, 9, 12)};
  const auto next = [&](double noise, int64_t round) {
    return plane.judge(flame(noise), updates, round).next;
  };
  const std::vector<float> plain = next(0, 2).parameters.to_host(),
                           noisy = next(0.01, 2).parameters.to_host();
  Random random({plane.round().seed, Purpose::kDefense, 2});
  for (size_t i = 0; i < 20; ++i)  // 0.01 of the length 10
    CHECK(std::abs(static_cast<double>(noisy[i] - plain[i]) - 0.1 * random.normal()) <= 2e-6);
  CHECK(next(0.01, 3).parameters.to_host() != noisy);
  testing::check_same_bits(next(0.01, 2).statistics, next(0, 2).statistics);
}

TEST_CASE("FLAME: what is not finite has no part in it; nobody left, the old state") {
  Plane plane;
  const std::vector<ClientUpdate> updates = {plane.step(0, 3, 4), plane.not_finite(1),
                                             plane.step(2, 3, 4), plane.step(3, 8, 6)};
  const DefenseResult result = plane.judge(flame(), updates);
  CHECK(result.verdict.nonfinite == std::vector<bool>{false, true, false, false});
  CHECK(result.verdict.accepted == std::vector<bool>{true, false, true, false});
  CHECK(std::isnan(result.verdict.score[1]));
  Plane::check_next(result, 3, 4);
  const DefenseResult none = plane.judge(flame(0.5), {plane.not_finite(1)});
  for (const float v : none.next.parameters.to_host()) REQUIRE(v == 0);
  CHECK(std::isnan(none.verdict.threshold));
}

TEST_CASE("FLAME: the verdict permutes with the ids, and threads change no bit") {
  std::vector<std::vector<float>> states;
  for (const int threads : {1, 3}) {
    Server server("small_cnn", 4, threads);
    const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.not_finite(4),
                                               server.honest(6, 2), server.honest(7, 3),
                                               server.noisy(8, 4),  server.honest(11, 5)};
    const auto make = [] { return flame(1e-3); };
    testing::check_permutes(server, make, updates, {2, 3, 5, 0, 1, 4});
    states.push_back(make()->aggregate(server.round(), updates).next.parameters.to_host());
  }
  CHECK(states[0] == states[1]);
}

}  // namespace
}  // namespace fedcamae
