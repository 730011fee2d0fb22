#include "defense/scalars.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace fedcamae {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_CASE("median: the middle one, of an even number the mean of the middle two") {
  CHECK(median({7}) == 7);
  CHECK(median({9, -2, 4}) == 4);
  CHECK(median({9, 1, 5, 2}) == 3.5);
  CHECK(median({3, kInfinity, 1}) == 3);
  CHECK(std::isnan(median({})));
  const std::vector<double> values = {9, 1, 5, 2};
  CHECK(median_at(values, std::vector<size_t>{0, 2, 3}) == 5);
}

TEST_CASE("robust_deviation: the median distance from the middle, as of normal values") {
  CHECK(robust_deviation({1, 3, 4, 9, 30}, 4) == 1.4826 * 3);  // distances 3 1 0 5 26
  CHECK(robust_deviation({2, 2}, 2) == 0);
}

TEST_CASE("order_by: by value, then as they came; only the positions that were given") {
  const std::vector<double> values = {5, 1, 5, -3, 1, kInfinity};
  CHECK(order_by(values, {0, 1, 2, 3, 4, 5}) == std::vector<size_t>{3, 1, 4, 0, 2, 5});
  CHECK(order_by(values, {0, 2, 4}) == std::vector<size_t>{4, 0, 2});
  CHECK(order_by(values, {}).empty());
}

TEST_CASE("clip_factor: 1 up to the limit, then what shortens to it") {
  CHECK(clip_factor(0, 3) == 1);
  CHECK(clip_factor(3, 3) == 1);
  CHECK(clip_factor(12, 3) == 0.25);
  CHECK(clip_factor(12, 0) == 0);
  CHECK(clip_factor(0, 0) == 1);
  CHECK(clip_factor(1e300, 1e-300) == 0);
}

TEST_CASE("shares of a mean of clipped vectors") {
  const std::vector<double> counts = {1, 0, 3}, norms = {2, 7, 12};
  CHECK(clipped_shares(counts, norms, 3) == std::vector<double>{0.25, 0, 0.1875});
}

TEST_CASE("cosine from squared lengths") {
  CHECK(cosine(9, 16, 25) == 0);    // (3, 0) and (0, 4)
  CHECK(cosine(9, 36, 9) == 1);     // (3, 0) and (6, 0)
  CHECK(cosine(9, 36, 81) == -1);   // (3, 0) and (-6, 0)
  CHECK(cosine(4, 4, 4) == 0.5);    // two sides of an equilateral triangle
  CHECK(cosine(0, 4, 4) == 0);      // of no direction
  CHECK(cosine(1, 1, -1e-9) == 1);  // rounding leads nowhere outside
  CHECK(cosine(1e300, 1e300, 0) == 1);
}

}  // namespace
}  // namespace fedcamae
