#include "defense/threshold.h"

#include <doctest/doctest.h>

#include <cmath>

namespace fedcamae {
namespace {

constexpr double kExact = 1e-14;  // a few roundings of numbers near ten, in double

TEST_CASE("mean + k standard deviations, over n - 1") {
  // Mean 5; squared deviations 9 1 1 1 0 0 4 16 = 32 over 7.
  const std::vector<double> scores = {2, 4, 4, 4, 5, 5, 7, 9};
  const double deviation = std::sqrt(32.0 / 7);
  CHECK(std::abs(score_threshold(scores, ThresholdRule::kMeanStd, 1) - (5 + deviation)) < kExact);
  CHECK(std::abs(score_threshold(scores, ThresholdRule::kMeanStd, 2.5) - (5 + 2.5 * deviation)) <
        kExact);
  CHECK(score_threshold(scores, ThresholdRule::kMeanStd, 0) == 5);
}

TEST_CASE("median + k median absolute deviations") {
  // Odd: median 3, deviations 2 1 0 6 97, their median 2.
  CHECK(std::abs(score_threshold({9, 1, 100, 3, 2}, ThresholdRule::kMedianMad, 2) -
                 (3 + 2 * 1.4826 * 2)) < kExact);
  // Even: median 2.5, deviations 1.5 0.5 0.5 7.5, their median 1.
  CHECK(std::abs(score_threshold({10, 1, 2, 3}, ThresholdRule::kMedianMad, 1) - (2.5 + 1.4826)) <
        kExact);
}

TEST_CASE("one score has no spread, none has no threshold") {
  for (const ThresholdRule rule : {ThresholdRule::kMeanStd, ThresholdRule::kMedianMad}) {
    CHECK(score_threshold({0.25}, rule, 3) == 0.25);
    CHECK(score_threshold({7, 7, 7}, rule, 3) == 7);
    CHECK(std::isnan(score_threshold({}, rule, 3)));
  }
}

TEST_CASE("the order of the scores moves no bit") {
  const std::vector<double> scores = {0.1, 0.7, 1e-9, 0.3, 123.4, 0.2},
                            moved = {123.4, 0.2, 0.3, 0.7, 0.1, 1e-9};
  for (const ThresholdRule rule : {ThresholdRule::kMeanStd, ThresholdRule::kMedianMad})
    CHECK(score_threshold(scores, rule, 1.5) == score_threshold(moved, rule, 1.5));
}

}  // namespace
}  // namespace fedcamae
