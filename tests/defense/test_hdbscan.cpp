// HDBSCAN on lines, where the tree can be worked by hand, and against the labels of the package
// hdbscan (tools/make_hdbscan_golden.py).
#include "defense/hdbscan.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "core/error.h"

namespace fedcamae {
namespace {

using Labels = std::vector<int64_t>;
using Distances = std::vector<double>;

Distances on_line(const std::vector<double>& points) {
  Distances distances;
  for (const double a : points)
    for (const double b : points) distances.push_back(std::abs(a - b));
  return distances;
}

// Unions: 0 1 2 at 1; 10 11 at 1, 12.5 at 1.5; both groups at 8; 50 at 37.5.
const std::vector<double> kTwoGroups = {10, 0, 1, 11, 50, 2, 12.5};

TEST_CASE("two groups and one far: each group lives longer than what holds both") {
  // From 1 / 8 on: {0 1 2} to 1 / 1: 3 (1 - 0.125) = 2.6; {10 11 12.5} to 1 / 1.5: 1.6. All points
  // together: 1 / 37.5 + 6 / 8 = 0.8.
  for (const bool single : {false, true}) {
    const HdbscanResult result =
        hdbscan(on_line(kTwoGroups), {.min_cluster_size = 3, .allow_single_cluster = single});
    CHECK(result.labels == Labels{0, 1, 1, 0, -1, 1, 0});
    CHECK(result.leaves == Distances{1.5, 1, 1, 1.5, 37.5, 1, 1.5});
  }
}

TEST_CASE("a point with a far second neighbour is far from everything") {
  // Distances to the second neighbour: 2 1 2, 2.5 1.5 2.5, 39.
  const HdbscanResult result =
      hdbscan(on_line(kTwoGroups), {.min_cluster_size = 3, .min_samples = 2});
  CHECK(result.labels == Labels{0, 1, 1, 0, -1, 1, 0});
  CHECK(result.leaves == Distances{2.5, 2, 2, 2.5, 39, 2, 2.5});
}

TEST_CASE("no group large enough: noise, or all points' cluster down to where it ends") {
  const Distances distances = on_line(kTwoGroups);
  CHECK(hdbscan(distances, {.min_cluster_size = 4}).labels == Labels(7, -1));
  const HdbscanResult single =
      hdbscan(distances, {.min_cluster_size = 4, .allow_single_cluster = true});
  CHECK(single.labels == Labels{0, 0, 0, 0, -1, 0, 0});
  CHECK(single.leaves == Distances{8, 8, 8, 8, 37.5, 8, 8});
}

TEST_CASE("groups that hardly outlive their union are one") {
  // 0 1 2 and 3.2 4.2 5.2 part at 1.2 and end at 1: 3 (1 - 1 / 1.2) = 0.5 each; together from
  // 1 / 34.8 to 1 / 1.2: 6 * 0.80 = 4.8.
  const std::vector<double> points = {0, 1, 2, 3.2, 4.2, 5.2, 40, 41, 42};
  CHECK(hdbscan(on_line(points), {.min_cluster_size = 3}).labels ==
        Labels{0, 0, 0, 0, 0, 0, 1, 1, 1});
}

TEST_CASE("of two choices that are equally stable, the one cluster") {
  // Both groups from 1 / 2 to 1 / 1: 3 / 2 each; all points from 0 to 1 / 2: 6 / 2.
  const Distances distances = on_line({0, 1, 2, 4, 5, 6});
  CHECK(hdbscan(distances, {.min_cluster_size = 3}).labels == Labels{0, 0, 0, 1, 1, 1});
  CHECK(hdbscan(distances, {.min_cluster_size = 3, .allow_single_cluster = true}).labels ==
        Labels(6, 0));
}

TEST_CASE("equal points are a cluster that ends at distance 0") {
  const HdbscanResult result = hdbscan(on_line({5, 9, 5, 5, 7}), {.min_cluster_size = 3});
  CHECK(result.labels == Labels(5, -1));  // all points' cluster alone
  const HdbscanResult single =
      hdbscan(on_line({5, 9, 5, 5, 7}), {.min_cluster_size = 3, .allow_single_cluster = true});
  CHECK(single.labels == Labels{0, -1, 0, 0, -1});
  CHECK(single.leaves == Distances{0, 2, 0, 0, 2});
  const HdbscanResult two = hdbscan(on_line({5, 9, 5, 9}), {.min_cluster_size = 2});
  CHECK(two.labels == Labels{0, 1, 0, 1});
}

TEST_CASE("few points, and what is refused") {
  CHECK(hdbscan({}, {}).labels.empty());
  CHECK(hdbscan(on_line({3}), {.allow_single_cluster = true}).labels == Labels{-1});
  CHECK(hdbscan(on_line({3, 8}), {.allow_single_cluster = true}).labels == Labels{0, 0});
  CHECK_THROWS_AS(hdbscan(Distances(3), {}), Error);
  CHECK_THROWS_AS(hdbscan(on_line({1, 2}), {.min_cluster_size = 1}), Error);
  CHECK_THROWS_AS(hdbscan(on_line({1, 2}), {.min_samples = 0}), Error);
}

TEST_CASE("labels are those of the package hdbscan") {
  std::ifstream file(std::string(FEDCAMAE_TEST_DATA) + "/hdbscan.txt");
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    CAPTURE(line);
    std::istringstream in(line);
    HdbscanSpec spec;
    size_t n = 0;
    in >> spec.min_cluster_size >> spec.min_samples >> spec.allow_single_cluster >> n;
    std::vector<double> x(n), y(n);
    Labels expected(n);
    for (size_t i = 0; i < n; ++i) in >> x[i] >> y[i] >> expected[i];
    REQUIRE(in);
    Distances distances;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) distances.push_back(std::hypot(x[i] - x[j], y[i] - y[j]));
    CHECK(hdbscan(distances, spec).labels == expected);
    ++cases;
  }
  CHECK(cases > 100);
}

}  // namespace
}  // namespace fedcamae
