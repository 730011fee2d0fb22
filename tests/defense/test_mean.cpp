// What every rule ends in: the algebra of the mean, worked by hand in numbers that float32 holds.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "defense/registry.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

bool all_are(const Tensor& x, float value) {
  const std::vector<float> numbers = x.to_host();
  return std::all_of(numbers.begin(), numbers.end(), [&](float v) { return v == value; });
}

TEST_CASE("equal shares: parameters, statistics, and counters truncated") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 1, 1), server.constant(3, 2, 100),
                                             server.constant(4, 3, 7), server.constant(9, 5, 20)};
  const DefenseResult result = make_defense("mean")->aggregate(server.round(), updates);
  CHECK(all_are(result.next.parameters, 2.75f));
  CHECK(all_are(result.next.statistics, 2.75f));
  for (const int64_t counter : result.next.counters) CHECK(counter == 2);
  CHECK(result.next.counters.size() == server.global().counters.size());
  CHECK(result.verdict.accepted == std::vector<bool>(4, true));
  CHECK(result.verdict.nonfinite == std::vector<bool>(4, false));
  for (const double score : result.verdict.score) CHECK(std::isnan(score));
  CHECK(std::isnan(result.verdict.threshold));
  CHECK_FALSE(result.heat_maps.has_value());
}

TEST_CASE("shares by claimed samples") {
  Server server;
  const RoundContext round = server.round(1, true);
  const std::vector<ClientUpdate> updates = {server.constant(0, 8, 12), server.constant(1, 3, 4),
                                             server.constant(2, 500, 0)};
  const ModelState next = make_defense("mean")->aggregate(round, updates).next;
  CHECK(all_are(next.parameters, 6.75f));
  CHECK(all_are(next.statistics, 6.75f));
  for (const int64_t counter : next.counters) CHECK(counter == 6);
}

TEST_CASE("where nobody claims a sample, all count alike") {
  Server server;
  const RoundContext round = server.round(1, true);
  const std::vector<ClientUpdate> updates = {server.constant(0, 1, 0), server.constant(1, 4, 0)};
  CHECK(all_are(make_defense("mean")->aggregate(round, updates).next.parameters, 2.5f));
}

TEST_CASE("what is not finite is left out and counted") {
  Server server;
  std::vector<ClientUpdate> updates = {server.constant(0, 1), server.not_finite(1),
                                       server.constant(2, 2), server.constant(3, 7)};
  const Tensor& statistics = updates[3].state.statistics;
  ops::fill_(statistics.window(statistics.size() - 1, {1}), std::numeric_limits<float>::infinity());
  const DefenseResult result = make_defense("mean")->aggregate(server.round(), updates);
  CHECK(result.verdict.accepted == std::vector<bool>{true, false, true, false});
  CHECK(result.verdict.nonfinite == std::vector<bool>{false, true, false, true});
  CHECK(all_are(result.next.parameters, 1.5f));
}

TEST_CASE("everybody rejected: the old global state, for every rule") {
  for (const DefenseInfo& info : defenses()) {
    const std::string& name = info.name;
    CAPTURE(name);
    Server server;
    const std::vector<ClientUpdate> updates = {server.not_finite(1), server.not_finite(2)};
    const DefenseResult result = make_defense(name)->aggregate(server.round(), updates);
    testing::check_same_bits(result.next.parameters, server.global().parameters);
    testing::check_same_bits(result.next.statistics, server.global().statistics);
    CHECK(result.next.counters == server.global().counters);
    CHECK(result.verdict.accepted == std::vector<bool>(2, false));
    CHECK(result.verdict.nonfinite == std::vector<bool>(2, true));
    CHECK(std::isnan(result.verdict.threshold));
  }
}

TEST_CASE("the mean of large finite numbers is finite") {
  Server server;
  const float large = 3e38f;
  std::vector<ClientUpdate> updates;
  for (int64_t client = 0; client < 4; ++client) {
    updates.push_back(server.constant(client, 0));
    ops::fill_(updates.back().state.parameters, large);
  }
  CHECK(all_are(make_defense("mean")->aggregate(server.round(), updates).next.parameters, large));
}

TEST_CASE("updates and the old global state stay as they were") {
  Server server;
  const ModelState global = server.global().clone();
  const std::vector<ClientUpdate> updates = {server.honest(0, 1), server.honest(1, 2)};
  const ModelState first = updates[0].state.clone();
  const ModelState next = make_defense("mean")->aggregate(server.round(), updates).next;
  testing::check_same_bits(server.global().parameters, global.parameters);
  testing::check_same_bits(updates[0].state.parameters, first.parameters);
  CHECK(next.parameters.data() != updates[0].state.parameters.data());
}

TEST_CASE("the verdict permutes with the ids") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.not_finite(4),
                                             server.honest(6, 2), server.honest(7, 3)};
  testing::check_permutes(server, [] { return make_defense("mean"); }, updates, {2, 3, 1, 0});
}

}  // namespace
}  // namespace fedcamae
