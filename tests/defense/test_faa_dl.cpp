// The three stages of the reconstructed FAA-DL in the plane, from a global state of 0.
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

std::vector<ClientUpdate> updates_of(Server& server,
                                     const std::vector<std::vector<double>>& steps) {
  std::vector<ClientUpdate> updates;
  for (const std::vector<double>& step : steps)
    updates.push_back(server.vector(static_cast<int64_t>(updates.size()), step));
  return updates;
}
void check_first(const DefenseResult& result, double x, double y) {
  const std::vector<float> next = result.next.parameters.to_host();
  CHECK(std::abs(static_cast<double>(next[0]) - x) <= kRounding);
  CHECK(std::abs(static_cast<double>(next[1]) - y) <= kRounding);
}

TEST_CASE("FAA-DL: suspects by the median's direction, confirmed by the others'") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates =
      updates_of(server, {{1, 0}, {1, 0}, {1, 0}, {1, 1}, {0, 1}, {-1, 0}});
  ops::fill_(updates[0].state.statistics, 8);
  ops::fill_(updates[5].state.statistics, 1e6f);
  const DefenseResult result = make_defense("faa_dl")->aggregate(server.round_from(zero), updates);
  const double slanted = 1 - std::sqrt(0.5);  // the median step is (1 0)
  const std::vector<double> scores = {0, 0, 0, slanted, 1, 2};
  for (size_t i = 0; i < scores.size(); ++i)
    CHECK(result.verdict.score[i] == doctest::Approx(scores[i]).epsilon(1e-9));
  // The median of the scores is half of slanted, and so is their MAD.
  CHECK(result.verdict.threshold == doctest::Approx(slanted / 2 * (1 + 3 * 1.4826)).epsilon(1e-9));
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, true, true, false, false});
  check_first(result, 1, 0.25);
  for (const float v : result.next.statistics.to_host()) REQUIRE(v == 2);
}

TEST_CASE("FAA-DL: a suspect that agrees with the others is cleared") {
  Server server;
  const ModelState zero = server.zeros();
  // Scores 0 0 0 0 0.29: the threshold is 0. Its agreement is 0.71 where 1 is usual.
  const std::vector<ClientUpdate> updates =
      updates_of(server, {{1, 0}, {2, 0}, {1, 0}, {1, 0}, {1, 1}});
  const auto accepted = [&](double margin) {
    const DefenseResult result =
        make_defense("faa_dl", {{"margin", margin}})->aggregate(server.round_from(zero), updates);
    CHECK(std::abs(result.verdict.threshold) < 1e-9);
    return result.verdict.accepted;
  };
  CHECK(accepted(0.5) == std::vector<bool>(5, true));
  CHECK(accepted(0.7) == std::vector<bool>(5, true));
  CHECK(accepted(0.72) == std::vector<bool>{true, true, true, true, false});
}

TEST_CASE("FAA-DL: where the verifiers disagree, a suspect must disagree more") {
  Server server;
  const ModelState zero = server.zeros();
  // Directions at 0, 100, 200 and 300 degrees, and one at 180; the median step is made 0 by four
  // that cancel: then all scores are 1, and there is no suspect.
  const std::vector<ClientUpdate> still = updates_of(server, {{1, 0}, {-1, 0}, {0, 1}, {0, -1}});
  const DefenseResult result = make_defense("faa_dl")->aggregate(server.round_from(zero), still);
  CHECK(result.verdict.score == std::vector<double>(4, 1));
  CHECK(result.verdict.accepted == std::vector<bool>(4, true));
  // (3 0) and (-1 2), (-1 -2): the median is (-1 0). Scores 2, 0.55, 0.55; tau 1 makes the first a
  // suspect. The verifiers' cosine is -0.6, so r = -0.6 and r - 0.5 * 0.6 = -0.9; the suspect's is
  // -0.45: cleared, though it points the other way.
  const std::vector<ClientUpdate> apart = updates_of(server, {{3, 0}, {-1, 2}, {-1, -2}});
  const DefenseResult cleared =
      make_defense("faa_dl", {{"tau", 1.0}})->aggregate(server.round_from(zero), apart);
  CHECK(cleared.verdict.score[0] == doctest::Approx(2));
  CHECK(cleared.verdict.threshold < 1);
  CHECK(cleared.verdict.accepted == std::vector<bool>(3, true));
}

TEST_CASE("FAA-DL: steps are from the global state") {
  Server server;
  const ModelState global = server.vector(9, {-5, 7}).state;
  const std::vector<ClientUpdate> updates =
      updates_of(server, {{-4, 7}, {-4, 7}, {-4, 7}, {-4, 8}, {-5, 8}, {-6, 7}});
  const DefenseResult result =
      make_defense("faa_dl")->aggregate(server.round_from(global), updates);
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, true, true, false, false});
  check_first(result, -4, 7.25);
}

TEST_CASE("FAA-DL: what is not finite is in no stage; one client alone is nobody's suspect") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates =
      updates_of(server, {{1, 0}, {1, 0}, {0, 0}, {1, 0}, {1, 1}, {0, 1}, {-1, 0}});
  updates[2] = server.not_finite(2);
  const DefenseResult result = make_defense("faa_dl")->aggregate(server.round_from(zero), updates);
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, false, true, true, false, false});
  CHECK(std::isnan(result.verdict.score[2]));
  const std::vector<ClientUpdate> alone = updates_of(server, {{3, 4}});
  CHECK(make_defense("faa_dl")->aggregate(server.round_from(zero), alone).verdict.accepted ==
        std::vector<bool>{true});
}

}  // namespace
}  // namespace fedcamae
