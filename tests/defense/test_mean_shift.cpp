// Clusters against scikit-learn 1.x: MeanShift(bandwidth=b, cluster_all=False) and
// estimate_bandwidth(points, quantile=q) on the same points.
#include "defense/mean_shift.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

namespace fedcamae {
namespace {

constexpr double kRounding = 1e-12;
using Members = std::vector<size_t>;

void check_point(const Point& a, const Point& b) {
  for (size_t k = 0; k < a.size(); ++k) CHECK(std::abs(a[k] - b[k]) < kRounding);
}

// Four together, two together, one alone.
const std::vector<Point> kGroups = {{.50, 0, .50}, {.52, 0, .48},   {.48, .01, .51}, {.51, 0, .49},
                                    {.90, 0, .10}, {.86, .02, .12}, {.10, 0, .90}};
// Drawn uniformly from the unit cube, two digits.
const std::vector<Point> kScattered = {{0.09, 0.24, 0.8},  {0.58, 0.09, 0.43}, {0.48, 0.16, 0.73},
                                       {0.11, 0.39, 0.52}, {0.43, 0.59, 0.74}, {0.96, 0.28, 0.65},
                                       {0.7, 0.29, 0.0},   {0.97, 0.3, 0.31},  {0.89, 0.59, 0.47},
                                       {0.77, 0.03, 0.71}, {0.37, 0.09, 0.66}, {0.93, 0.21, 0.63}};

TEST_CASE("bandwidth: scikit-learn's") {
  CHECK(std::abs(estimate_bandwidth(kGroups, 0.5) - 0.2432864177931909) < kRounding);
  CHECK(std::abs(estimate_bandwidth(kGroups, 0.3) - 0.10135869231113658) < kRounding);
  CHECK(std::abs(estimate_bandwidth(kScattered, 0.5) - 0.5081522708423424) < kRounding);
}

TEST_CASE("bandwidth: a point is its own nearest") {
  const std::vector<Point> points = {{0, 0, 0}, {3, 4, 0}};
  CHECK(estimate_bandwidth(points, 0.5) == 0);
  CHECK(estimate_bandwidth(points, 1) == 5);
  CHECK(estimate_bandwidth(points, 0) == 0);
}

TEST_CASE("the largest cluster: scikit-learn's") {
  for (const double quantile : {0.3, 0.5}) {
    const Cluster cluster = largest_cluster(kGroups, estimate_bandwidth(kGroups, quantile));
    CHECK(cluster.members == Members{0, 1, 2, 3});
    check_point(cluster.centre, {0.5025, 0.0025, 0.495});
  }
  // 6, 7 and 8 are too far from the only centre.
  const Cluster wide = largest_cluster(kScattered, 0.5081522708423424);
  CHECK(wide.members == Members{0, 1, 2, 3, 4, 5, 9, 10, 11});
  check_point(wide.centre, {0.5244444444444444, 0.23111111111111113, 0.6522222222222223});
  const Cluster narrow = largest_cluster(kScattered, 0.3);
  CHECK(narrow.members == Members{5, 9, 11});
  check_point(narrow.centre, {0.8866666666666667, 0.17333333333333334, 0.6633333333333332});
}

TEST_CASE("the order of the points moves no bit") {
  const Cluster before = largest_cluster(kScattered, 0.3);
  std::vector<Point> reversed(kScattered.rbegin(), kScattered.rend());
  const Cluster after = largest_cluster(reversed, 0.3);
  CHECK(after.members == Members{0, 2, 6});
  CHECK(after.centre == before.centre);
  CHECK(estimate_bandwidth(reversed, 0.5) == estimate_bandwidth(kScattered, 0.5));
}

TEST_CASE("equal points are one cluster, also at bandwidth 0") {
  const std::vector<Point> points = {{.3, .1, .6}, {.2, .1, .7}, {.3, .1, .6}};
  CHECK(largest_cluster(points, 0).members == Members{0, 2});
  CHECK(largest_cluster({{1, 0, 0}}, 0).members == Members{0});
}

}  // namespace
}  // namespace fedcamae
