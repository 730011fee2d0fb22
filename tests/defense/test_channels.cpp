// The channels of variant "fedcamae", by hand.
#include "defense/channels.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "defense/core_rows.h"

namespace fedcamae {
namespace {

constexpr double kRounding = 1e-6;  // of the 1e-7 that the maps' scaling adds

// Two probes and two classes, maps of one pixel.
Evidence evidence(Row heat, Row both) {
  return {
      .probes = 2, .classes = 2, .side = 1, .heat = std::move(heat), .evidence = std::move(both)};
}

void check_near(const std::vector<double>& values, const std::vector<double>& expected) {
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(values[i] - expected[i]) <= kRounding);
  }
}

TEST_CASE("shape: each map to [0, 1], the whole to length 1") {
  const auto maps = [](Row heat) {  // two probes, maps of four pixels
    return Evidence{.probes = 2, .classes = 1, .side = 2, .heat = std::move(heat), .evidence = {}};
  };
  const double r = std::sqrt(1 / 2.25);
  check_near(shape_row(maps({1, 3, 2, 1, 20, 10, 10, 10})), {0, r, r / 2, 0, r, 0, 0, 0});
  // A map that is the same everywhere says nothing about where.
  check_near(shape_row(maps({5, 5, 5, 5, 20, 10, 10, 10})), {0, 0, 0, 0, 1, 0, 0, 0});
  check_near(shape_row(maps(Row(8, 0.0))), Row(8, 0.0));
}

TEST_CASE("change: the way from the global model's maps, without its length and its gain") {
  const Evidence global = evidence({}, {1, 0, 0, 2});
  // First probe: (3, 0.3) along (1, 0) is gain; second: (-0.4, 7) along (0, 2) likewise.
  check_near(change_row(evidence({}, {4, 0.3, -0.4, 9}), global), {0, 0.6, -0.8, 0});
  check_near(change_row(evidence({}, {1, 0.0003, -0.0004, 2}), global), {0, 0.6, -0.8, 0});
  // Nothing but gain, and nothing at all.
  CHECK(change_row(evidence({}, {5, 0, 0, 1}), global) == Row(4, 0.0));
  CHECK(change_row(global, global) == Row(4, 0.0));
  // A probe on which the global model sees nothing has no gain to take out.
  const Evidence blind = evidence({}, {0, 0, 0, 2});
  check_near(change_row(evidence({}, {3, 4, 0, 1}), blind), {0.6, 0.8, 0, 0});
  CHECK_THROWS_AS(change_row(evidence({}, {1}), global), Error);
}

TEST_CASE("excess: 1 at the robust cut, of the rows that are heard") {
  // Median 3, absolute deviations 2 1 0 1 7: MAD 1, so 2 MADs are 2.9652.
  const double cut = 2 * 1.4826;
  check_near(above_median({1, 2, 3, 4, 10}, {0, 1, 2, 3, 4}, 2),
             {-2 / cut, -1 / cut, 0, 1 / cut, 7 / cut});
  // Three copies of the 10, heard once: the same cut.
  const std::vector<double> crowd = above_median({1, 2, 3, 4, 10, 10, 10}, {0, 1, 2, 3, 4}, 2);
  CHECK(std::abs(crowd[6] - 7 / cut) <= kRounding);
  // No spread: what lies above is as far as can be, what does not is at 0 or less.
  CHECK(above_median({2, 2, 2, 3, 1}, {0, 1, 2, 3, 4}, 2) ==
        std::vector<double>{0, 0, 0, kMostExcess, 0});
  CHECK(above_median({5}, {0}, 2) == std::vector<double>{0});
  CHECK(above_median({}, {}, 2).empty());
}

TEST_CASE("heat: the factor from the median update's, on either side") {
  // Heats, medians over two probes: 3, 3, 30, 0.03, 0 and once more 30, which is not heard.
  const std::vector<Evidence> models = {evidence({2, 4}, {}),   evidence({3, 3}, {}),
                                        evidence({10, 50}, {}), evidence({0.03, 0.03}, {}),
                                        evidence({0, 0}, {}),   evidence({30, 30}, {})};
  const std::vector<double> excess = heat_excess(models, {0, 1, 2, 3, 4}, 10);
  check_near({excess[0], excess[1], excess[2], excess[3], excess[5]}, {0, 0, 1, 2, 1});
  CHECK(excess[4] > 10);
  CHECK(std::isfinite(excess[4]));
  CHECK(heat_excess({}, {}, 10).empty());
}

TEST_CASE("length: over so many times the median of those that are heard") {
  check_near(length_excess({1, 2, 6, 12, 12}, {0, 1, 2}, 3), {1 / 6.0, 1 / 3.0, 1, 2, 2});
  CHECK(length_excess({0, 0, 1}, {0, 1, 2}, 3) == std::vector<double>{0, 0, kMostExcess});
  CHECK(length_excess({}, {}, 3).empty());
}

TEST_CASE("twins: two that lie much nearer than others are over the cut, and one voice") {
  // Nearest neighbours: 4 - 5 at 0.01, the others one apart.
  const Rows rows = {{0}, {1}, {2}, {3}, {7}, {7.01}, {4}};
  const Twins twins = find_twins(rows, 3, 16);
  // No spread among log d = 0 but for the two: the cut is log(16), log d = log(1e-4).
  const double expected = std::log(1e4) / std::log(16.0);
  for (size_t i = 0; i < 7; ++i)
    CHECK(std::abs(twins.excess[i] - (i == 4 || i == 5 ? expected : 0)) < 1e-3);
  CHECK(twins.voices == std::vector<size_t>{0, 1, 2, 3, 4, 4, 6});
  // A spread among the honest moves the cut. Squared distances 1, 1, 4, 4, 16, 16, 1e-4 twice: of
  // their logarithms the median is log 2, MAD (log 2 + log 8) / 2, so 3 MADs are more than log 2.
  const Twins wide = find_twins({{1}, {2}, {11}, {13}, {21}, {25}, {41}, {41.01}}, 3, 2);
  const double cut = 3 * 1.4826 * std::log(4.0);
  CHECK(std::abs(wide.excess[7] - std::log(2e4) / cut) < 1e-3);
  CHECK(std::abs(wide.excess[0] - std::log(2.0) / cut) < 1e-3);
  CHECK(wide.voices == std::vector<size_t>{0, 1, 2, 3, 4, 5, 6, 6});
}

TEST_CASE("twins: who trained nothing has no say and no excess; alone nobody has a twin") {
  const Twins twins = find_twins({{0}, {1}, {2}, {0}, {3}}, 3, 4);
  CHECK(twins.excess == std::vector<double>(5, 0.0));
  CHECK(twins.voices == std::vector<size_t>{0, 1, 2, 0, 4});
  CHECK(find_twins({{1}}, 3, 4).excess == std::vector<double>{0});
  CHECK(find_twins({}, 3, 4).excess.empty());
}

}  // namespace
}  // namespace fedcamae
