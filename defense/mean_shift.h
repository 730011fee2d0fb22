// Mean shift with a flat kernel (Comaniciu and Meer, IEEE TPAMI 2002), in three dimensions, to the
// rules of scikit-learn's MeanShift and estimate_bandwidth.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace fedcamae {

using Point = std::array<double, 3>;

double distance(const Point& a, const Point& b);

// The mean over the points of the distance to the floor(quantile n)-th nearest point, at least the
// first, where a point is its own first. The order of the points moves no bit. At least one point.
double estimate_bandwidth(const std::vector<Point>& points, double quantile);

// The cluster with the most points. Every point climbs to the mean of the points within `bandwidth`
// of it until it stays; of end points that are within `bandwidth` of each other the one with the
// most points around it is a centre; a point belongs to its nearest centre, or to none where that
// is farther than `bandwidth`. The order of the points moves no bit.
struct Cluster {
  Point centre{};
  std::vector<size_t> members;  // ascending
};
Cluster largest_cluster(const std::vector<Point>& points, double bandwidth);

}  // namespace fedcamae
