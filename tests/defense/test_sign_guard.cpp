// SignGuard on updates whose lengths and signs are given.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

constexpr double kRounding = 1e-5;  // of a few float32 additions, relative

// `size` on the first `share` of every hundred parameters, -size on the others, from 0.
ClientUpdate signs(Server& server, int64_t client, double size, int64_t share) {
  ClientUpdate update = server.constant(client, 0);
  const Tensor& p = update.state.parameters;
  std::vector<float> numbers(static_cast<size_t>(p.size()));
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<float>(static_cast<int64_t>(i % 100) < share ? size : -size);
  update.state.parameters = Tensor::from(p.context(), p.shape(), numbers);
  return update;
}
std::vector<double> ends(const DefenseResult& result) {  // of a hundred
  const std::vector<float> next = result.next.parameters.to_host();
  return {static_cast<double>(next[0]), static_cast<double>(next[99])};
}
std::unique_ptr<Defense> rule(double share = 1) {
  return make_defense("sign_guard", {{"share", share}});
}

TEST_CASE("SignGuard: the largest cluster by signs, cut to the median length") {
  Server server;
  const ModelState zero = server.zeros();
  std::vector<ClientUpdate> updates = {signs(server, 0, 1, 50), signs(server, 1, 2, 52),
                                       signs(server, 2, 4, 48), signs(server, 3, 2, 51),
                                       signs(server, 4, 2, 90), signs(server, 5, 2, 10)};
  ops::fill_(updates[0].state.statistics, 40);
  ops::fill_(updates[4].state.statistics, 1e6f);
  const DefenseResult result = rule()->aggregate(server.round_from(zero), updates);
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, true, true, false, false});
  // Lengths are 1 2 4 2 of a unit, the median 2: on the first number 1, 2, 2, 2.
  CHECK(ends(result)[0] == doctest::Approx(1.75).epsilon(kRounding));
  CHECK(ends(result)[1] == doctest::Approx(-1.75).epsilon(kRounding));
  for (const float v : result.next.statistics.to_host()) REQUIRE(v == 10);
  // From the centre 0.5025 / 0.4975 along the diagonal; the parameters are no whole hundreds.
  const double diagonal = std::sqrt(2), hundreds = 1e-2;
  CHECK(result.verdict.score[0] == doctest::Approx(0.0025 * diagonal).epsilon(hundreds));
  CHECK(result.verdict.score[4] == doctest::Approx(0.3975 * diagonal).epsilon(hundreds));
  CHECK(result.verdict.score[5] == doctest::Approx(0.4025 * diagonal).epsilon(hundreds));
}

TEST_CASE("SignGuard: lengths out of bounds are rejected, and clipping comes after that") {
  Server server;
  const ModelState zero = server.zeros();
  const std::vector<ClientUpdate> updates = {signs(server, 0, 0.2, 50),  signs(server, 1, 2, 50),
                                             signs(server, 2, 6, 50),    signs(server, 3, 6.1, 50),
                                             signs(server, 4, 0.19, 50), signs(server, 5, 2, 50),
                                             signs(server, 6, 2, 50),    server.not_finite(7)};
  const DefenseResult result = rule()->aggregate(server.round_from(zero), updates);
  CHECK(result.verdict.accepted ==
        std::vector<bool>{true, true, true, false, false, true, true, false});
  CHECK(result.verdict.nonfinite[7]);
  CHECK(ends(result)[0] == doctest::Approx(8.2 / 5).epsilon(kRounding));  // 0.2 2 2 2 2
  CHECK(result.verdict.score[3] >= 2);
  CHECK(result.verdict.score[4] >= 2);
  CHECK(result.verdict.score[2] < 1e-6);
}

TEST_CASE("SignGuard: nobody passes both: the old global state") {
  Server server;
  const ModelState zero = server.zeros();
  // Apart by signs, each a cluster of its own: the first centre in order has the first; lengths
  // 1 and 100 are both far from their median.
  const std::vector<ClientUpdate> updates = {signs(server, 0, 1, 10), signs(server, 1, 100, 90)};
  const DefenseResult result =
      make_defense("sign_guard", {{"share", 1.0}, {"lower", 0.5}, {"upper", 1.5}})
          ->aggregate(server.round_from(zero), updates);
  CHECK(result.verdict.accepted == std::vector<bool>(2, false));
  testing::check_same_bits(result.next.parameters, zero.parameters);
}

TEST_CASE("SignGuard: still updates count as usual where all are still") {
  Server server;
  const ModelState zero = server.zeros();
  const std::vector<ClientUpdate> updates = {server.constant(0, 0), server.constant(1, 0)};
  const DefenseResult result = rule()->aggregate(server.round_from(zero), updates);
  CHECK(result.verdict.accepted == std::vector<bool>(2, true));
  CHECK(result.verdict.score == std::vector<double>{0, 0});
}

TEST_CASE("SignGuard: a share of the parameters, in one stretch, another one each round") {
  Server server;
  const ModelState zero = server.zeros();
  // Positive is the first tenth of all, then nothing: which part the stretch covers is in the
  // score.
  ClientUpdate part = signs(server, 1, 1, 0);
  const int64_t tenth = part.state.parameters.size() / 10;
  ops::fill_(part.state.parameters.window(0, {5 * tenth}), 1);
  const std::vector<ClientUpdate> updates = {signs(server, 0, 1, 0), part, signs(server, 2, 1, 0)};
  const auto scores = [&](double share, int64_t round) {
    return rule(share)->aggregate(server.round_from(zero, round), updates).verdict.score;
  };
  const double all = scores(1, 1)[1];
  CHECK(all == doctest::Approx(0.5 * std::sqrt(2)).epsilon(1e-3));
  std::vector<double> seen;
  for (int64_t round = 1; round <= 20; ++round) {
    seen.push_back(scores(0.1, round)[1]);
    CHECK(seen.back() == scores(0.1, round)[1]);
  }
  const auto [low, high] = std::minmax_element(seen.begin(), seen.end());
  CHECK(*low == 0);  // a tenth that lies in the second half
  CHECK(*high == doctest::Approx(std::sqrt(2)).epsilon(1e-6));
  CHECK(scores(0, 1).size() == 3);  // one number at least
}

}  // namespace
}  // namespace fedcamae
