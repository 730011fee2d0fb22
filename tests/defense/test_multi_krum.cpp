// Multi-Krum on points of a line, where every distance can be worked by hand.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

std::vector<ClientUpdate> points(Server& server, const std::vector<double>& values) {
  std::vector<ClientUpdate> updates;
  for (const double value : values)
    updates.push_back(server.point(static_cast<int64_t>(updates.size()) * 2, value));
  return updates;
}

std::unique_ptr<Defense> krum(int64_t f, int64_t m = 0) {
  return make_defense("multi_krum", {{"f", f}, {"m", m}});
}

float first(const DefenseResult& result) { return result.next.parameters.to_host()[0]; }

// Points 0 1 3 7 20, f = 1: two nearest others each.
//    0: 1 + 9        1: 1 + 4        3: 4 + 9        7: 16 + 36       20: 169 + 289
const std::vector<double> kLine = {7, 0, 20, 3, 1};
const std::vector<double> kScores = {52, 10, 458, 13, 5};

TEST_CASE("scores of a line and the mean of the n - f best") {
  Server server;
  const DefenseResult result = krum(1)->aggregate(server.round(), points(server, kLine));
  CHECK(result.verdict.score == kScores);
  CHECK(result.verdict.threshold == 52);
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, false, true, true});
  CHECK(first(result) == 2.75f);  // (7 + 0 + 3 + 1) / 4
}

TEST_CASE("m chooses how many are averaged; 1 is Krum") {
  Server server;
  const DefenseResult one = krum(1, 1)->aggregate(server.round(), points(server, kLine));
  CHECK(one.verdict.accepted == std::vector<bool>{false, false, false, false, true});
  CHECK(one.verdict.threshold == 5);
  CHECK(first(one) == 1.0f);
  const DefenseResult two = krum(1, 2)->aggregate(server.round(), points(server, kLine));
  CHECK(two.verdict.accepted == std::vector<bool>{false, true, false, false, true});
  CHECK(first(two) == 0.5f);
  const DefenseResult all = krum(1, 9)->aggregate(server.round(), points(server, kLine));
  CHECK(all.verdict.accepted == std::vector<bool>(5, true));
}

TEST_CASE("Krum: the whole state of the one with the lowest score, the first of equals") {
  Server server;
  std::vector<ClientUpdate> updates = points(server, kLine);
  ops::fill_(updates[4].state.statistics, 6);
  updates[4].state.counters.assign(updates[4].state.counters.size(), 41);
  const DefenseResult result =
      make_defense("krum", {{"f", int64_t{1}}})->aggregate(server.round(), updates);
  CHECK(result.verdict.score == kScores);
  CHECK(result.verdict.threshold == 5);
  CHECK(result.verdict.accepted == std::vector<bool>{false, false, false, false, true});
  testing::check_same_bits(result.next.parameters, updates[4].state.parameters);
  testing::check_same_bits(result.next.statistics, updates[4].state.statistics);
  CHECK(result.next.counters == updates[4].state.counters);
  const DefenseResult tie = make_defense("krum")->aggregate(server.round(), points(server, {6, 2}));
  CHECK(tie.verdict.accepted == std::vector<bool>{true, false});
  CHECK(first(tie) == 6.0f);
}

TEST_CASE("f = 0 looks at n - 2 others and keeps everybody") {
  Server server;
  const DefenseResult result = krum(0)->aggregate(server.round(), points(server, {0, 1, 3, 10}));
  // 0: 1 + 9   1: 1 + 4   3: 4 + 9   10: 49 + 81
  CHECK(result.verdict.score == std::vector<double>{10, 5, 13, 130});
  CHECK(result.verdict.accepted == std::vector<bool>(4, true));
}

TEST_CASE("equal scores go by id") {
  Server server;
  // One neighbour each: every score is 0.
  const DefenseResult result = krum(1, 2)->aggregate(server.round(), points(server, {4, 8, 8, 4}));
  CHECK(result.verdict.score == std::vector<double>(4, 0.0));
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, false, false});
  CHECK(first(result) == 6.0f);
}

TEST_CASE("what is not finite goes first and does not count as present") {
  Server server;
  std::vector<ClientUpdate> updates = points(server, kLine);
  updates.insert(updates.begin() + 1, server.not_finite(1));
  const DefenseResult result = krum(1)->aggregate(server.round(), updates);
  CHECK(result.verdict.nonfinite == std::vector<bool>{false, true, false, false, false, false});
  CHECK(result.verdict.accepted == std::vector<bool>{true, false, true, false, true, true});
  CHECK(std::isnan(result.verdict.score[1]));
  std::vector<double> scores = result.verdict.score;
  scores.erase(scores.begin() + 1);
  CHECK(scores == kScores);
}

TEST_CASE("too few for f: one neighbour and one update at least") {
  Server server;
  const DefenseResult result = krum(9)->aggregate(server.round(), points(server, {0, 1, 5}));
  CHECK(result.verdict.score == std::vector<double>{1, 1, 16});
  CHECK(result.verdict.accepted == std::vector<bool>{true, false, false});
  const DefenseResult alone = krum(0)->aggregate(server.round(), points(server, {5}));
  CHECK(alone.verdict.score == std::vector<double>{0});
  CHECK(first(alone) == 5.0f);
}

TEST_CASE("the mean of the chosen goes by samples where the round says so") {
  Server server;
  std::vector<ClientUpdate> updates = points(server, kLine);
  updates[4].samples = 30;  // the point 1 beside 0 with 10
  const DefenseResult result = krum(1, 2)->aggregate(server.round(1, true), updates);
  CHECK(first(result) == 0.75f);
}

TEST_CASE("distances see parameters only") {
  Server server;
  std::vector<ClientUpdate> updates = points(server, kLine);
  ops::fill_(updates[1].state.statistics, 1e6f);
  CHECK(krum(1)->aggregate(server.round(), updates).verdict.score == kScores);
}

TEST_CASE("the verdict permutes with the ids") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.not_finite(4),
                                             server.honest(6, 2), server.honest(7, 3),
                                             server.noisy(8, 4),  server.honest(11, 5)};
  testing::check_permutes(server, [] { return krum(1); }, updates, {2, 3, 5, 0, 1, 4});
}

TEST_CASE("the same bits for any number of threads") {
  std::vector<std::vector<double>> scores;
  for (const int threads : {1, 3}) {
    Server server("small_cnn", 4, threads);
    const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.honest(6, 2),
                                               server.honest(7, 3), server.noisy(8, 4)};
    scores.push_back(krum(1)->aggregate(server.round(), updates).verdict.score);
  }
  CHECK(scores[0] == scores[1]);
}

}  // namespace
}  // namespace fedcamae
