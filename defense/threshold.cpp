#include "defense/threshold.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "defense/scalars.h"

namespace fedcamae {
namespace {

double mean_std(const std::vector<double>& sorted, double k) {
  const auto n = static_cast<double>(sorted.size());
  double sum = 0, squares = 0;
  for (const double score : sorted) sum += score;
  const double mean = sum / n;
  for (const double score : sorted) squares += (score - mean) * (score - mean);
  return sorted.size() == 1 ? mean : mean + k * std::sqrt(squares / (n - 1));
}

double median_mad(const std::vector<double>& scores, double k) {
  const double middle = median(scores);
  return middle + k * robust_deviation(scores, middle);
}

}  // namespace

double score_threshold(std::vector<double> scores, ThresholdRule rule, double k) {
  if (scores.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(scores.begin(), scores.end());
  return rule == ThresholdRule::kMeanStd ? mean_std(scores, k) : median_mad(scores, k);
}

}  // namespace fedcamae
