// The coordinate-wise median, worked by hand in numbers that float32 holds.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

void check_all(const Tensor& x, float value) {
  for (const float v : x.to_host()) REQUIRE(v == value);
}

TEST_CASE("median: of an odd number the middle one, whatever the far ones and claims are") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 1, 1), server.constant(1, -900, 1),
                                             server.constant(2, 3, 1), server.constant(3, 7, 1),
                                             server.constant(4, 1e6, 500)};
  const DefenseResult result = make_defense("median")->aggregate(server.round(1, true), updates);
  check_all(result.next.parameters, 3);
  check_all(result.next.statistics, 3);
  CHECK(result.verdict.accepted == std::vector<bool>(5, true));
  for (const double score : result.verdict.score) CHECK(std::isnan(score));
  CHECK(std::isnan(result.verdict.threshold));
}

TEST_CASE("median: of an even number the mean of the middle two; counters truncated") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 9, 1), server.constant(1, 2, 1),
                                             server.constant(2, 5, 1), server.constant(3, -1, 1)};
  const DefenseResult result = make_defense("median")->aggregate(server.round(), updates);
  check_all(result.next.parameters, 3.5f);
  check_all(result.next.statistics, 3.5f);
  REQUIRE(result.next.counters.size() == server.global().counters.size());
  for (const int64_t counter : result.next.counters) CHECK(counter == 3);
}

TEST_CASE("median: each coordinate by itself") {
  Server server;
  std::vector<ClientUpdate> updates = {server.constant(0, 1), server.constant(1, 2),
                                       server.constant(2, 100)};
  const int64_t last = updates[0].state.parameters.size() - 1;
  ops::fill_(updates[0].state.parameters.window(last, {1}), 9);
  ops::fill_(updates[1].state.parameters.window(last, {1}), -5);
  ops::fill_(updates[2].state.parameters.window(last, {1}), 0);
  const std::vector<float> next =
      make_defense("median")->aggregate(server.round(), updates).next.parameters.to_host();
  CHECK(next.front() == 2);
  CHECK(next.back() == 0);
}

TEST_CASE("median: what is not finite has no part in it; nobody left, the old state") {
  Server server;
  std::vector<ClientUpdate> updates = {server.constant(0, 1), server.not_finite(1),
                                       server.constant(2, 2), server.constant(3, 7)};
  const DefenseResult result = make_defense("median")->aggregate(server.round(), updates);
  check_all(result.next.parameters, 2);
  CHECK(result.verdict.accepted == std::vector<bool>{true, false, true, true});
  CHECK(result.verdict.nonfinite == std::vector<bool>{false, true, false, false});
  updates = {server.not_finite(0), server.not_finite(1)};
  testing::check_same_bits(
      make_defense("median")->aggregate(server.round(), updates).next.parameters,
      server.global().parameters);
}

}  // namespace
}  // namespace fedcamae
