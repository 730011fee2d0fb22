// The coordinate-wise trimmed mean, worked by hand in numbers that float32 holds.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

// The one number that the next state consists of.
float everywhere(const DefenseResult& result) {
  const std::vector<float> parameters = result.next.parameters.to_host(),
                           statistics = result.next.statistics.to_host();
  for (const float v : parameters) REQUIRE(v == parameters[0]);
  for (const float v : statistics) REQUIRE(v == parameters[0]);
  return parameters[0];
}

std::vector<ClientUpdate> line(Server& server, const std::vector<double>& values) {
  std::vector<ClientUpdate> updates;
  for (const double value : values)
    updates.push_back(server.constant(static_cast<int64_t>(updates.size()), value));
  return updates;
}

std::unique_ptr<Defense> by_count(int64_t f) { return make_defense("trimmed_mean", {{"f", f}}); }
std::unique_ptr<Defense> by_share(double beta) {
  return make_defense("trimmed_mean", {{"beta", beta}});
}

TEST_CASE("trimmed mean: without the f smallest and largest, whatever is claimed") {
  Server server;
  std::vector<ClientUpdate> updates = line(server, {100, 1, 8, 4, 3});
  updates[0].samples = 1000;
  const DefenseResult result = by_count(1)->aggregate(server.round(1, true), updates);
  CHECK(everywhere(result) == 5);  // (8 + 4 + 3) / 3
  for (const int64_t counter : result.next.counters) CHECK(counter == 5);
  CHECK(result.verdict.accepted == std::vector<bool>(5, true));
  for (const double score : result.verdict.score) CHECK(std::isnan(score));
  CHECK(std::isnan(result.verdict.threshold));
  CHECK(everywhere(by_count(2)->aggregate(server.round(), updates)) == 4);
}

TEST_CASE("trimmed mean: a share is rounded down, counters are truncated") {
  Server server;
  const std::vector<ClientUpdate> ten = line(server, {9, 0, 1, 2, 3, 4, 5, 6, 7, -91});
  // Default 0.1: one at each end. (0 + 1 + ... + 7) / 8, and 0.39: three, (2 + 3 + 4 + 5) / 4.
  const DefenseResult one = make_defense("trimmed_mean")->aggregate(server.round(), ten);
  CHECK(everywhere(one) == 3.5f);
  for (const int64_t counter : one.next.counters) CHECK(counter == 3);
  CHECK(everywhere(by_share(0.39)->aggregate(server.round(), ten)) == 3.5f);
  CHECK(everywhere(by_share(0)->aggregate(server.round(), line(server, {1, 2, 6}))) == 3);
}

TEST_CASE("trimmed mean: too many to leave out, the median") {
  Server server;
  const std::vector<ClientUpdate> four = line(server, {9, 2, 5, -1});
  CHECK(everywhere(by_count(7)->aggregate(server.round(), four)) == 3.5f);
  CHECK(everywhere(by_share(0.5)->aggregate(server.round(), four)) == 3.5f);
  CHECK(everywhere(by_count(7)->aggregate(server.round(), line(server, {9, 2, 5}))) == 5);
  CHECK(everywhere(by_count(1)->aggregate(server.round(), line(server, {9}))) == 9);
}

TEST_CASE("trimmed mean: each coordinate by itself") {
  Server server;
  std::vector<ClientUpdate> updates = line(server, {1, 2, 100});
  const int64_t last = updates[0].state.parameters.size() - 1;
  for (size_t i = 0; i < 3; ++i)
    ops::fill_(updates[i].state.parameters.window(last, {1}), std::vector<float>{9, -5, 0}[i]);
  const std::vector<float> next =
      by_count(1)->aggregate(server.round(), updates).next.parameters.to_host();
  CHECK(next.front() == 2);
  CHECK(next.back() == 0);
}

TEST_CASE("trimmed mean: what is not finite has no part in it; nobody left, the old state") {
  Server server;
  std::vector<ClientUpdate> updates = line(server, {1, 0, 2, 9});
  updates[1] = server.not_finite(1);
  const DefenseResult result = by_count(1)->aggregate(server.round(), updates);
  CHECK(everywhere(result) == 2);
  CHECK(result.verdict.nonfinite == std::vector<bool>{false, true, false, false});
  CHECK(result.verdict.accepted == std::vector<bool>{true, false, true, true});
  const DefenseResult none =
      by_count(1)->aggregate(server.round(), std::vector<ClientUpdate>{server.not_finite(3)});
  testing::check_same_bits(none.next.parameters, server.global().parameters);
}

TEST_CASE("trimmed mean: permutes with the ids, and threads change no bit") {
  std::vector<std::vector<float>> states;
  for (const int threads : {1, 3}) {
    Server server("small_cnn", 4, threads);
    const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.not_finite(4),
                                               server.honest(6, 2), server.noisy(8, 4),
                                               server.honest(11, 5)};
    testing::check_permutes(server, [] { return by_count(1); }, updates, {2, 3, 4, 0, 1});
    states.push_back(by_count(1)->aggregate(server.round(), updates).next.parameters.to_host());
  }
  CHECK(states[0] == states[1]);
}

}  // namespace
}  // namespace fedcamae
