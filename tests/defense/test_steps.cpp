// Steps of updates from a centre, and means with given weights, in numbers worked by hand.
#include "defense/steps.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::Server;

void check_all(const Tensor& x, float value) {
  for (const float v : x.to_host()) REQUIRE(v == value);
}

TEST_CASE("step norms: from a centre to the updates that are asked for") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.point(0, 3), server.point(1, -4),
                                             server.not_finite(2), server.constant(3, 2)};
  const Tensor centre = server.point(9, 1).state.parameters;
  const auto count = static_cast<double>(centre.size());
  const std::vector<double> squares = squared_steps(centre, updates, std::vector<size_t>{0, 1, 3});
  CHECK(squares[0] == 4);
  CHECK(squares[1] == 25);
  CHECK(std::isnan(squares[2]));
  CHECK(squares[3] == 1 + 4 * (count - 1));  // 2 - 1 once, 2 - 0 elsewhere
  const std::vector<double> norms = step_norms(centre, updates, std::vector<size_t>{1});
  CHECK(norms[1] == 5);
  CHECK(std::isnan(norms[0]));
}

TEST_CASE("moving by steps: centre + the sum of factor times step; nothing else is written") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 3), server.constant(1, -7),
                                             server.not_finite(2), server.constant(3, 5)};
  const Tensor centre = server.constant(9, 1).state.parameters;
  const std::vector<double> factors = {0.5, 0.25, 0, 2};
  // 1 + 0.5 * 2 - 0.25 * 8 + 2 * 4
  check_all(move_by_steps(centre, updates, std::vector<size_t>{0, 1, 2, 3}, factors), 8);
  check_all(move_by_steps(centre, updates, std::vector<size_t>{1}, factors), -1);
  check_all(centre, 1);
  check_all(updates[0].state.parameters, 3);
}

TEST_CASE("a step that is small beside the parameters keeps its digits") {
  Server server;
  const float big = 1024, tiny = 0x1p-13f;  // 1024 + 2^-13 is a float32, and its neighbour
  const Tensor centre = server.constant(0, big).state.parameters;
  const std::vector<ClientUpdate> updates = {server.constant(0, static_cast<double>(big + tiny))};
  const std::vector<double> factors = {3 * 0x1p20};
  check_all(move_by_steps(centre, updates, std::vector<size_t>{0}, factors), big + 384);
}

TEST_CASE("steps of vectors that are longer than a block, to the last number") {
  Server server;
  const int64_t size = (1 << 18) + 5;
  const Tensor from = Tensor::full(server.context(), {size}, 1);
  const Tensor to = Tensor::full(server.context(), {size}, 3);
  const Tensor y = Tensor::full(server.context(), {size}, 10);
  ops::fill_(to.window(size - 1, {1}), 2);
  add_step_(0.5, from, to, y);
  const std::vector<float> numbers = y.to_host();
  CHECK(std::count(numbers.begin(), numbers.end(), 11.0f) == size - 1);
  CHECK(numbers.back() == 10.5f);
}

TEST_CASE("shares of signs: above, at, below") {
  Server server;
  const int64_t size = (1 << 19) + 2;  // more than two blocks
  const Tensor from = Tensor::full(server.context(), {size}, 1);
  const Tensor to = Tensor::full(server.context(), {size}, 1);
  ops::fill_(to.window(0, {size / 2}), 1 + 0x1p-23f);  // the next float32
  ops::fill_(to.window(size - 1, {1}), -1e30f);
  const SignShares shares = sign_shares(from, to);
  CHECK(shares.positive == 0.5);
  CHECK(shares.negative == 1.0 / static_cast<double>(size));
  const int64_t untouched = size / 2 - 1;
  CHECK(shares.zero == static_cast<double>(untouched) / static_cast<double>(size));
}

TEST_CASE("a weighted mean of whole states; weights need no sum") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 8), server.constant(1, 500),
                                             server.constant(2, 3)};
  const RoundContext round = server.round();
  const ModelState mean = weighted_mean(round, updates, std::vector<double>{1.5, 0, 0.5});
  check_all(mean.parameters, 6.75f);
  check_all(mean.statistics, 6.75f);
  for (const int64_t counter : mean.counters) CHECK(counter == 6);
  const ModelState nobody = weighted_mean(round, updates, std::vector<double>(3, 0));
  testing::check_same_bits(nobody.parameters, server.global().parameters);
  testing::check_same_bits(nobody.statistics, server.global().statistics);
  CHECK(nobody.counters == server.global().counters);
}

TEST_CASE("parameters of a rule's own beside the mean of statistics and counters") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 8), server.constant(1, 4)};
  const Tensor own = server.constant(2, 77).state.parameters;
  const RoundContext round = server.round();
  const ModelState next = with_mean_statistics(own, round, updates, std::vector<double>{1, 3});
  check_all(next.parameters, 77);
  check_all(next.statistics, 5);
  for (const int64_t counter : next.counters) CHECK(counter == 5);
}

TEST_CASE("the mean of equal counters is that counter, whatever the weights round to") {
  Server server;
  std::vector<ClientUpdate> updates;
  for (int64_t client = 0; client < 7; ++client) updates.push_back(server.constant(client, 49));
  const RoundContext round = server.round();
  // In double the quotient is 48.99999999999999.
  const std::vector<double> weights = {2.1, 1.8, 0.1, 2.9, 1.3, 0, 0};
  const ModelState mean = weighted_mean(round, updates, weights);
  CHECK(mean.counters == std::vector<int64_t>(mean.counters.size(), 49));
}

TEST_CASE("counts: one each, or the claimed samples where the round says so and somebody claims") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.constant(0, 1, 12), server.constant(1, 1, 0),
                                             server.constant(2, 1, 30)};
  const std::vector<bool> accepted = {true, true, false};
  CHECK(counts_of(server.round(), updates, accepted) == std::vector<double>{1, 1, 0});
  CHECK(counts_of(server.round(1, true), updates, accepted) == std::vector<double>{12, 0, 0});
  CHECK(counts_of(server.round(1, true), updates, {false, true, false}) ==
        std::vector<double>{0, 1, 0});
  CHECK(accepted_positions(accepted) == std::vector<size_t>{0, 1});
}

}  // namespace
}  // namespace fedcamae
