// What holds for every rule of the registry, with its defaults.
#include <doctest/doctest.h>

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

// The published autoencoder is large: a small one has the same properties.
std::unique_ptr<Defense> make_rule(const std::string& name) {
  if (name == "grad_cam_ae")
    return make_defense(name, {{"size", int64_t{16}},
                               {"map_side", int64_t{8}},
                               {"hidden", std::vector<int64_t>{8}},
                               {"epochs", int64_t{20}}});
  if (name == "krum" || name == "multi_krum") return make_defense(name, {{"f", int64_t{1}}});
  return make_defense(name);
}

std::vector<ClientUpdate> seven(Server& server) {
  return {server.honest(1, 1), server.honest(4, 2), server.noisy(5, 3),    server.honest(6, 4),
          server.honest(8, 5), server.honest(9, 6), server.not_finite(12), server.honest(13, 7)};
}

void check_same(const DefenseResult& a, const DefenseResult& b) {
  testing::check_same_bits(a.next.parameters, b.next.parameters);
  testing::check_same_bits(a.next.statistics, b.next.statistics);
  CHECK(a.next.counters == b.next.counters);
  CHECK(a.verdict.accepted == b.verdict.accepted);
  for (size_t i = 0; i < a.verdict.score.size(); ++i) {
    CAPTURE(i);
    CHECK((a.verdict.score[i] == b.verdict.score[i] ||
           (std::isnan(a.verdict.score[i]) && std::isnan(b.verdict.score[i]))));
  }
}

TEST_CASE("every rule: the verdict permutes with the ids") {
  Server server;
  const std::vector<ClientUpdate> updates = seven(server);
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    testing::check_permutes(server, [&] { return make_rule(info.name); }, updates,
                            {2, 7, 5, 0, 1, 4, 3, 6});
  }
}

TEST_CASE("every rule: what is not finite is rejected and moves nothing") {
  Server server;
  const std::vector<ClientUpdate> updates = seven(server);
  std::vector<ClientUpdate> finite = updates;
  finite.erase(finite.begin() + 6);
  std::vector<ClientUpdate> infinite = updates;
  const Tensor& statistics = infinite[6].state.statistics;
  infinite[6].state = updates[0].state.clone();
  ops::fill_(statistics.window(0, {1}), std::numeric_limits<float>::infinity());
  infinite[6].state.statistics = statistics;
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    const DefenseResult with = make_rule(info.name)->aggregate(server.round(), updates);
    CHECK(with.verdict.nonfinite[6]);
    CHECK_FALSE(with.verdict.accepted[6]);
    CHECK(std::isnan(with.verdict.score[6]));
    const DefenseResult without = make_rule(info.name)->aggregate(server.round(), finite);
    testing::check_same_bits(with.next.parameters, without.next.parameters);
    testing::check_same_bits(with.next.statistics, without.next.statistics);
    CHECK(make_rule(info.name)->aggregate(server.round(), infinite).verdict.nonfinite[6]);
  }
}

TEST_CASE("every rule: the same bits for any number of threads" * doctest::test_suite("cpu_only")) {
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    Server one("small_cnn", 4, 1), three("small_cnn", 4, 3);
    const DefenseResult a = make_rule(info.name)->aggregate(one.round(), seven(one));
    check_same(a, make_rule(info.name)->aggregate(three.round(), seven(three)));
  }
}

TEST_CASE("every rule: a round that comes again gives the same, and the one after it too" *
          doctest::test_suite("cpu_only")) {
  Server server;
  const std::vector<ClientUpdate> updates = seven(server);
  std::vector<ClientUpdate> others = updates;
  std::swap(others[0].state, others[2].state);
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    const auto straight = make_rule(info.name), again = make_rule(info.name);
    straight->aggregate(server.round(1), updates);
    const DefenseResult two = straight->aggregate(server.round(2), others);
    const DefenseResult three = straight->aggregate(server.round(3), updates);
    again->aggregate(server.round(1), updates);
    again->aggregate(server.round(1), updates);
    again->aggregate(server.round(2), updates);  // interrupted, and other updates when it comes
    check_same(again->aggregate(server.round(2), others), two);
    check_same(again->aggregate(server.round(3), updates), three);
  }
}

TEST_CASE("every rule: updates and the old global state stay as they were") {
  Server server;
  const std::vector<ClientUpdate> updates = seven(server);
  const ModelState global = server.global().clone(), first = updates[0].state.clone(),
                   noisy = updates[2].state.clone();
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    const auto rule = make_rule(info.name);
    rule->aggregate(server.round(1), updates);
    rule->aggregate(server.round(2), updates);
    testing::check_same_bits(server.global().parameters, global.parameters);
    testing::check_same_bits(server.global().statistics, global.statistics);
    testing::check_same_bits(updates[0].state.parameters, first.parameters);
    testing::check_same_bits(updates[0].state.statistics, first.statistics);
    testing::check_same_bits(updates[2].state.parameters, noisy.parameters);
  }
}

TEST_CASE("every rule: one update alone, and finite numbers of any size, give a finite state") {
  Server server;
  std::vector<ClientUpdate> huge = {server.honest(0, 1), server.honest(1, 2), server.honest(2, 3)};
  ops::fill_(huge[1].state.parameters, 3e37f);
  const std::vector<ClientUpdate> one = {server.honest(3, 4)};
  for (const DefenseInfo& info : defenses()) {
    CAPTURE(info.name);
    for (const std::vector<ClientUpdate>& updates : {one, huge}) {
      const ModelState next = make_rule(info.name)->aggregate(server.round(), updates).next;
      CHECK(ops::all_finite(next.parameters));
      CHECK(ops::all_finite(next.statistics));
    }
  }
}

}  // namespace
}  // namespace fedcamae
