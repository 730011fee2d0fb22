#include "defense/mean_shift.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fedcamae {
namespace {

constexpr int kMostSteps = 300;      // scikit-learn's
constexpr double kStillness = 1e-3;  // times the bandwidth: a shorter step is the last

struct Peak {
  size_t around = 0;  // points within the bandwidth
  Point at{};
};

// One step: the mean of the sorted points within the bandwidth, added in their order.
Peak mean_around(const std::vector<Point>& points, const Point& at, double bandwidth) {
  Peak peak;
  for (const Point& point : points) {
    if (distance(point, at) > bandwidth) continue;
    ++peak.around;
    for (size_t k = 0; k < at.size(); ++k) peak.at[k] += point[k];
  }
  for (double& x : peak.at) x /= static_cast<double>(peak.around);
  return peak;
}

Peak climb(const std::vector<Point>& points, Point at, double bandwidth) {
  Peak peak;
  for (int step = 0; step <= kMostSteps; ++step) {
    const Peak next = mean_around(points, at, bandwidth);
    if (next.around == 0) break;  // rounding led out of all points' reach
    peak = next;
    const bool still = distance(peak.at, at) <= kStillness * bandwidth;
    at = peak.at;
    if (still) break;
  }
  return peak;
}

// The best ones first, without those that are within the bandwidth of a better one.
std::vector<Point> centres_of(const std::vector<Point>& sorted, double bandwidth) {
  std::vector<Peak> peaks;
  for (const Point& point : sorted) peaks.push_back(climb(sorted, point, bandwidth));
  std::sort(peaks.begin(), peaks.end(), [](const Peak& a, const Peak& b) {
    return a.around != b.around ? a.around > b.around : a.at > b.at;
  });
  std::vector<Point> centres;
  for (const Peak& peak : peaks)
    if (std::none_of(centres.begin(), centres.end(),
                     [&](const Point& centre) { return distance(centre, peak.at) <= bandwidth; }))
      centres.push_back(peak.at);
  return centres;
}

}  // namespace

double distance(const Point& a, const Point& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

double estimate_bandwidth(const std::vector<Point>& points, double quantile) {
  check(!points.empty(), "[mean_shift] no points");
  const auto n = static_cast<double>(points.size());
  const auto nearest = std::max<size_t>(static_cast<size_t>(n * quantile), 1);
  std::vector<double> reach;
  for (const Point& point : points) {
    std::vector<double> distances;
    for (const Point& other : points) distances.push_back(distance(point, other));
    std::sort(distances.begin(), distances.end());
    reach.push_back(distances[std::min(nearest, distances.size()) - 1]);
  }
  std::sort(reach.begin(), reach.end());
  double sum = 0;
  for (const double value : reach) sum += value;
  return sum / n;
}

Cluster largest_cluster(const std::vector<Point>& points, double bandwidth) {
  check(!points.empty(), "[mean_shift] no points");
  std::vector<Point> sorted = points;
  std::sort(sorted.begin(), sorted.end());
  std::vector<Cluster> clusters;
  for (const Point& centre : centres_of(sorted, bandwidth)) clusters.push_back({centre, {}});
  for (size_t i = 0; i < points.size(); ++i) {
    const auto nearest =
        std::min_element(clusters.begin(), clusters.end(), [&](const Cluster& a, const Cluster& b) {
          return distance(points[i], a.centre) < distance(points[i], b.centre);
        });
    if (distance(points[i], nearest->centre) <= bandwidth) nearest->members.push_back(i);
  }
  return *std::max_element(
      clusters.begin(), clusters.end(),
      [](const Cluster& a, const Cluster& b) { return a.members.size() < b.members.size(); });
}

}  // namespace fedcamae
