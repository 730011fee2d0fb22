// The channels of variant "fedcamae", by hand.
#include "defense/channels.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "defense/core_rows.h"

namespace fedcamae {
namespace {

constexpr double kRounding = 1e-6;  // of the 1e-7 that the maps' scaling adds

// Two probes, maps of one pixel.
Evidence seen(Row heat) { return {.probes = 2, .classes = 2, .side = 1, .heat = std::move(heat)}; }

Evidence scored(Row scores, Row mirrored = {}) {
  return {.probes = 2,
          .classes = 2,
          .side = 1,
          .label = {0, 1},
          .scores = std::move(scores),
          .mirrored = std::move(mirrored)};
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
    return Evidence{.probes = 2, .classes = 1, .side = 2, .heat = std::move(heat)};
  };
  const double r = std::sqrt(1 / 2.25);
  check_near(shape_row(maps({1, 3, 2, 1, 20, 10, 10, 10})), {0, r, r / 2, 0, r, 0, 0, 0});
  // A map that is the same everywhere says nothing about where.
  check_near(shape_row(maps({5, 5, 5, 5, 20, 10, 10, 10})), {0, 0, 0, 0, 1, 0, 0, 0});
  check_near(shape_row(maps(Row(8, 0.0))), Row(8, 0.0));
}

TEST_CASE("change: the way from the global model's scores, without its length") {
  const Evidence global = scored({1, 0, 0, 2});
  check_near(change_row(scored({1, 3, -4, 2}), global), {0, 0.6, -0.8, 0});
  check_near(change_row(scored({1, 0.0003, -0.0004, 2}), global), {0, 0.6, -0.8, 0});
  CHECK(change_row(global, global) == Row(4, 0.0));
  CHECK_THROWS_AS(change_row(scored({1}), global), Error);
}

TEST_CASE("agreement: the share of pairs that the evidence puts in order, less a half") {
  // Three probes of classes 0, 0, 1. Less the mean of each row: 1 -1, -1 1, -2 2. For class 0 the
  // pairs with the third: 1 > -2 and -1 > -2; for class 1: 2 > -1 and 2 > 1.
  const std::vector<size_t> label = {0, 0, 1};
  const Row right = {2, 0, 0, 2, 1, 5};
  CHECK(agreement(right, label, 2) == 0.5);
  // A bias on a class, whatever its size, and one on a probe move no pair.
  CHECK(agreement({102, 0, 100, 2, 101, 5}, label, 2) == 0.5);
  CHECK(agreement({9, 7, 0, 2, 1, 5}, label, 2) == 0.5);
  // The third has as much for class 0 as the second: one pair of two is half won, in both classes.
  CHECK(agreement({2, 0, 0, 2, 3, 5}, label, 2) == 0.25);
  CHECK(agreement({-2, 0, 0, -2, -1, -5}, label, 2) == -0.5);  // turned round
  CHECK(agreement({0, 0, 0, 0, 0, 0}, label, 2) == 0);         // says nothing
  // Three classes: evidence 2 -1 -1, -1 2 -1, 1 1 -2. Class 0 wins both its pairs (2 > -1, 1),
  // class 1 likewise, class 2 none of its two (-2 < -1).
  CHECK(std::abs(agreement({3, 0, 0, 0, 3, 0, 3, 3, 0}, {0, 1, 2}, 3) - (2.0 / 3 - 0.5)) < 1e-12);
  CHECK(agreement({1, 2}, {0, 0}, 1) == 0);  // one class: nothing to tell apart
  CHECK_THROWS_AS(agreement({1, 2, 3}, label, 2), Error);
}

TEST_CASE("agreement: its excess is 1 where only the share of the median's is left") {
  const Row right = {1, 0, 0, 1}, wrong = {0, 1, 1, 0}, blank = {0, 0, 0, 0};
  // v = 2 own - mirrored: 1, 1.5, 0, -1.5, and 1 without a mirror image.
  const std::vector<Evidence> models = {scored(right, blank), scored(right, wrong),
                                        scored(blank, blank), scored(wrong, right), scored(right)};
  // Median 1 of all five; share 0.5: a cut at 0.5.
  const Evidence knows = scored(right);
  check_near(agreement_excess(models, knows, {0, 1, 2, 3, 4}, 0.5), {0, -1, 2, 5, 0});
  // Heard are the middle three: median 0, so there is no saying.
  check_near(agreement_excess(models, knows, {1, 2, 3}, 0.5), {0, 0, 0, 0, 0});
  // Median of 1.5 and 1: 1.25; share 0.2: 1.25 - v over 1.
  check_near(agreement_excess(models, knows, {0, 1}, 0.2), {0.25, -0.25, 1.25, 2.75, 0.25});
  // A global model that tells nothing apart.
  CHECK(agreement_excess(models, scored(blank), {0, 1, 2, 3, 4}, 0.5) == Row(5, 0.0));
  CHECK(agreement_excess({}, knows, {}, 0.5).empty());
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
  const std::vector<Evidence> models = {seen({2, 4}),       seen({3, 3}), seen({10, 50}),
                                        seen({0.03, 0.03}), seen({0, 0}), seen({30, 30})};
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
