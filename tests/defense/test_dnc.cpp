// DnC on points of a line, where the top singular vector is the line itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "tests/defense/server.h"

namespace fedcamae {
namespace {

using testing::make_defense;
using testing::Server;

// Shares of squared projections, from distances in double.
constexpr double kShare = 1e-9;

struct Setting {
  int64_t f, niters, sub_dim = 10000;
  double c = 1;
};
std::unique_ptr<Defense> dnc(const Setting& s) {
  return make_defense("dnc",
                      {{"f", s.f}, {"niters", s.niters}, {"sub_dim", s.sub_dim}, {"c", s.c}});
}

// Every number of an update is the same, so that any coordinates show the same line.
std::vector<ClientUpdate> line(Server& server, const std::vector<double>& values) {
  std::vector<ClientUpdate> updates;
  for (const double value : values)
    updates.push_back(server.constant(static_cast<int64_t>(updates.size()) * 2, value));
  return updates;
}

// Mean 6.2: .8 -6.2 13.8 -3.2 -5.2; squares .64 38.44 190.44 10.24 27.04, 266.8 together.
const std::vector<double> kLine = {7, 0, 20, 3, 1};
const std::vector<double> kSquares = {0.64, 38.44, 190.44, 10.24, 27.04};

TEST_CASE("DnC: shares of a line on any coordinates, and the mean of those that stay") {
  Server server;
  for (const int64_t sub_dim : {1, 10, 1000000}) {
    CAPTURE(sub_dim);
    const DefenseResult result = dnc({.f = 2, .niters = 3, .sub_dim = sub_dim})
                                     ->aggregate(server.round(), line(server, kLine));
    for (size_t i = 0; i < kLine.size(); ++i)
      CHECK(std::abs(result.verdict.score[i] - kSquares[i] / 266.8) <= kShare);
    CHECK(std::isnan(result.verdict.threshold));
    CHECK(result.verdict.accepted == std::vector<bool>{true, false, false, true, true});
    CHECK(std::abs(result.next.parameters.to_host()[0] - 11.0f / 3) <= 1e-5f);  // 7 3 1
  }
}

TEST_CASE("DnC: c f are out, rounded down; nobody for f = 0; one stays") {
  Server server;
  const std::vector<ClientUpdate> updates = line(server, kLine);
  const auto accepted = [&](const Setting& setting) {
    return dnc(setting)->aggregate(server.round(), updates).verdict.accepted;
  };
  CHECK(accepted({.f = 1, .niters = 1}) == std::vector<bool>{true, true, false, true, true});
  CHECK(accepted({.f = 1, .niters = 1, .c = 1.9}) ==
        std::vector<bool>{true, true, false, true, true});
  CHECK(accepted({.f = 2, .niters = 1, .c = 1.5}) ==
        std::vector<bool>{true, false, false, true, false});
  CHECK(accepted({.f = 0, .niters = 5}) == std::vector<bool>(5, true));
  CHECK(accepted({.f = 9, .niters = 1}) == std::vector<bool>{true, false, false, false, false});
}

// 0 8 0 8 4 on a line, the last one 5 off it: 64 along, 20 across, none of both.
TEST_CASE("DnC: only the top singular vector counts") {
  Server server;
  std::vector<ClientUpdate> updates = {server.point(0, 0), server.point(1, 8), server.point(2, 0),
                                       server.point(3, 8), server.point(4, 4)};
  ops::fill_(updates[4].state.parameters.window(3, {1}), 5);  // off the line, at its middle
  const DefenseResult result =
      dnc({.f = 1, .niters = 1, .sub_dim = 1000000})->aggregate(server.round(), updates);
  CHECK(std::abs(result.verdict.score[4]) <= kShare);
  for (size_t i = 0; i < 4; ++i) CHECK(std::abs(result.verdict.score[i] - 0.25) <= kShare);
}

TEST_CASE("DnC: equal updates are all alike, and go by id") {
  Server server;
  const DefenseResult result =
      dnc({.f = 1, .niters = 2})->aggregate(server.round(), line(server, {5, 5, 5}));
  CHECK(result.verdict.score == std::vector<double>(3, 0.0));
  CHECK(result.verdict.accepted == std::vector<bool>{true, true, false});
  const DefenseResult alone =
      dnc({.f = 1, .niters = 1})->aggregate(server.round(), line(server, {5}));
  CHECK(alone.verdict.accepted == std::vector<bool>{true});
}

TEST_CASE("DnC: each iteration draws coordinates of its own, each round again") {
  Server server;
  std::vector<ClientUpdate> updates;
  for (int64_t i = 0; i < 8; ++i) updates.push_back(server.honest(i, static_cast<uint32_t>(i)));
  const auto judge = [&](const Setting& setting, int64_t round) {
    return dnc(setting)->aggregate(server.round(round), updates).verdict;
  };
  const Setting one{.f = 1, .niters = 1, .sub_dim = 5}, many{.f = 1, .niters = 12, .sub_dim = 5};
  const auto out = [](const Verdict& verdict) {
    return std::count(verdict.accepted.begin(), verdict.accepted.end(), false);
  };
  CHECK(out(judge(one, 1)) == 1);
  CHECK(out(judge(many, 1)) > 1);
  CHECK(judge(many, 1).score == judge(many, 1).score);
  CHECK(judge(one, 1).score != judge(one, 2).score);
  for (size_t i = 0; i < 8; ++i) CHECK(judge(many, 1).score[i] >= judge(one, 1).score[i]);
}

TEST_CASE("DnC: what is not finite has no part in it") {
  Server server;
  std::vector<ClientUpdate> updates = line(server, {7, 0, 0, 20, 3, 1});
  updates[1] = server.not_finite(2);
  const Verdict verdict = dnc({.f = 1, .niters = 1})->aggregate(server.round(), updates).verdict;
  CHECK(verdict.nonfinite == std::vector<bool>{false, true, false, false, false, false});
  CHECK(verdict.accepted == std::vector<bool>{true, false, true, false, true, true});
  CHECK(std::isnan(verdict.score[1]));
  CHECK(std::abs(verdict.score[3] - kSquares[2] / 266.8) <= kShare);
}

TEST_CASE("DnC: the verdict permutes with the ids, and threads change no bit") {
  std::vector<std::vector<double>> scores;
  for (const int threads : {1, 3}) {
    Server server("small_cnn", 4, threads);
    const std::vector<ClientUpdate> updates = {server.honest(1, 1), server.not_finite(4),
                                               server.honest(6, 2), server.honest(7, 3),
                                               server.noisy(8, 4),  server.honest(11, 5)};
    const auto make = [] { return dnc({.f = 1, .niters = 3, .sub_dim = 200}); };
    testing::check_permutes(server, make, updates, {2, 3, 5, 0, 1, 4});
    scores.push_back(make()->aggregate(server.round(), updates).verdict.score);
    CHECK_FALSE(make()->aggregate(server.round(), updates).verdict.accepted[4]);  // the noisy one
  }
  for (size_t i = 0; i < scores[0].size(); ++i)
    CHECK((scores[0][i] == scores[1][i] || std::isnan(scores[0][i])));
}

}  // namespace
}  // namespace fedcamae
