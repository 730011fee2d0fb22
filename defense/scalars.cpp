#include "defense/scalars.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace fedcamae {

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double robust_deviation(std::vector<double> values, double middle) {
  constexpr double kMadToSigma = 1.4826;  // 1 / the 75 % point of the normal distribution
  for (double& value : values) value = std::abs(value - middle);
  return kMadToSigma * median(std::move(values));
}

double median_at(std::span<const double> values, std::span<const size_t> positions) {
  std::vector<double> some;
  for (const size_t i : positions) some.push_back(values[i]);
  return median(std::move(some));
}

std::vector<size_t> order_by(std::span<const double> values, std::vector<size_t> positions) {
  std::stable_sort(positions.begin(), positions.end(),
                   [&](size_t a, size_t b) { return values[a] < values[b]; });
  return positions;
}

double clip_factor(double norm, double limit) { return norm <= limit ? 1 : limit / norm; }

std::vector<double> clipped_shares(std::span<const double> counts, std::span<const double> norms,
                                   double limit) {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  std::vector<double> shares(counts.size(), 0.0);
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) shares[i] = counts[i] / total * clip_factor(norms[i], limit);
  return shares;
}

double cosine(double squared_a, double squared_b, double squared_distance) {
  const double norms = std::sqrt(squared_a) * std::sqrt(squared_b);
  if (norms == 0) return 0;
  return std::clamp((squared_a + squared_b - squared_distance) / (2 * norms), -1.0, 1.0);
}

}  // namespace fedcamae
