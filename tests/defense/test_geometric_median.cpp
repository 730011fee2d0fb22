// The smoothed Weiszfeld algorithm on points of a line, step by step.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

constexpr double kRounding = 1e-6;  // of a few float32 additions, relative

DefenseResult result_of(Server& server, int64_t iterations, const std::vector<double>& values,
                        double nu = 1e-6) {
  std::vector<ClientUpdate> updates;
  for (const double value : values)
    updates.push_back(server.point(static_cast<int64_t>(updates.size()), value));
  return make_defense("geometric_median", {{"iterations", iterations}, {"nu", nu}})
      ->aggregate(server.round(), updates);
}
double first(const DefenseResult& result) {
  return static_cast<double>(result.next.parameters.to_host()[0]);
}

TEST_CASE("geometric median: the steps of 0 0 6") {
  Server server;
  CHECK(first(result_of(server, 0, {0, 0, 6})) == doctest::Approx(2).epsilon(kRounding));
  // Weights 1/2 1/2 1/4.
  CHECK(first(result_of(server, 1, {0, 0, 6})) == doctest::Approx(1.2).epsilon(kRounding));
  // 1/1.2 twice, 1/4.8.
  CHECK(first(result_of(server, 2, {0, 0, 6})) == doctest::Approx(2.0 / 3).epsilon(kRounding));
  // 3/2 twice, 3/16: 18/16 over 51/16.
  const DefenseResult result = result_of(server, 3, {0, 0, 6});
  CHECK(first(result) == doctest::Approx(6.0 / 17).epsilon(kRounding));
  CHECK(result.verdict.score[0] == doctest::Approx(6.0 / 17).epsilon(kRounding));
  CHECK(result.verdict.score[2] == doctest::Approx(6 - 6.0 / 17).epsilon(kRounding));
  CHECK(result.verdict.accepted == std::vector<bool>(3, true));
  CHECK(std::isnan(result.verdict.threshold));
}

TEST_CASE("geometric median: it ends at the point with the least sum of distances") {
  Server server;
  CHECK(std::abs(first(result_of(server, 60, {0, 0, 6}))) < 1e-5);
  CHECK(first(result_of(server, 60, {1, 2, 4, 1000, 3})) == doctest::Approx(3).epsilon(1e-4));
}

TEST_CASE("geometric median: a distance counts as nu at least") {
  Server server;
  CHECK(first(result_of(server, 1, {0, 0, 6}, 4)) == doctest::Approx(2).epsilon(kRounding));
  CHECK(first(result_of(server, 5, {7, 7})) == 7);  // where every distance is 0
}

TEST_CASE("geometric median: claimed samples weigh where the round says so") {
  Server server;
  std::vector<ClientUpdate> updates = {server.point(0, 0), server.point(1, 0), server.point(2, 6)};
  updates[2].samples = 20;  // beside 10 each: from 3, weights 1/3 1/3 2/3
  const auto rule = [] { return make_defense("geometric_median", {{"iterations", int64_t{1}}}); };
  CHECK(first(rule()->aggregate(server.round(1, true), updates)) ==
        doctest::Approx(3).epsilon(kRounding));
  CHECK(first(rule()->aggregate(server.round(1, false), updates)) ==
        doctest::Approx(1.2).epsilon(kRounding));
}

TEST_CASE("geometric median: statistics and counters by the weights of the last step") {
  Server server;
  std::vector<ClientUpdate> updates = {server.point(0, 0), server.point(1, 0), server.point(2, 6)};
  ops::fill_(updates[2].state.statistics, 5);  // weights 1/1.2 1/1.2 1/4.8: a share of 1/9
  for (int64_t& counter : updates[2].state.counters) counter = 17;  // 17 / 9
  const ModelState next = make_defense("geometric_median", {{"iterations", int64_t{2}}})
                              ->aggregate(server.round(), updates)
                              .next;
  for (const float v : next.statistics.to_host())
    REQUIRE(static_cast<double>(v) == doctest::Approx(5.0 / 9).epsilon(kRounding));
  CHECK(next.counters == std::vector<int64_t>(next.counters.size(), 1));
}

}  // namespace
}  // namespace fedcamae
