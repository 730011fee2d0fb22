#include "fl/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace fedcamae {

namespace {

std::optional<double> ratio(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Matthews' correlation; undefined where a row or a column of the confusion table is empty.
std::optional<double> correlation(int64_t tp, int64_t fp, int64_t tn, int64_t fn) {
  double product = 1;
  for (const int64_t side : {tp + fp, tp + fn, tn + fp, tn + fn})
    product *= static_cast<double>(side);
  if (product == 0) return std::nullopt;
  const double hits = static_cast<double>(tp) * static_cast<double>(tn);
  const double misses = static_cast<double>(fp) * static_cast<double>(fn);
  return (hits - misses) / std::sqrt(product);
}

}  // namespace

Detection ratios(int64_t tp, int64_t fp, int64_t tn, int64_t fn, int64_t nonfinite) {
  Detection detection;
  detection.tp = tp;
  detection.fp = fp;
  detection.tn = tn;
  detection.fn = fn;
  detection.nonfinite = nonfinite;
  detection.tpr = ratio(tp, tp + fn);
  detection.fpr = ratio(fp, fp + tn);
  detection.precision = ratio(tp, tp + fp);
  detection.f1 = ratio(2 * tp, 2 * tp + fp + fn);
  detection.mcc = correlation(tp, fp, tn, fn);
  return detection;
}

// The probability that a random positive scores above a random negative (Mann-Whitney U over the
// number of pairs), a tie counting half.
std::optional<double> roc_auc(const std::vector<double>& score, const std::vector<bool>& positive) {
  check(score.size() == positive.size(), "[roc_auc] {} scores for {} labels", score.size(),
        positive.size());
  std::vector<size_t> order;
  for (size_t i = 0; i < score.size(); ++i)
    if (!std::isnan(score[i])) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return score[a] < score[b]; });
  double wins = 0;
  int64_t positives = 0, negatives = 0;
  for (size_t begin = 0; begin < order.size();) {
    int64_t tied[2] = {0, 0};
    size_t end = begin;
    for (; end < order.size() && score[order[end]] == score[order[begin]]; ++end)
      ++tied[positive[order[end]] ? 1 : 0];
    wins += static_cast<double>(tied[1]) *
            (static_cast<double>(negatives) + 0.5 * static_cast<double>(tied[0]));
    negatives += tied[0];
    positives += tied[1];
    begin = end;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return wins / (static_cast<double>(positives) * static_cast<double>(negatives));
}

Detection detection_metrics(const Verdict& verdict, const std::vector<bool>& malicious) {
  const size_t n = malicious.size();
  check(verdict.accepted.size() == n && verdict.score.size() == n && verdict.nonfinite.size() == n,
        "[metrics] a verdict on {} updates (scores {}, flags {}) for {} labels",
        verdict.accepted.size(), verdict.score.size(), verdict.nonfinite.size(), n);
  int64_t counts[2][2] = {{0, 0}, {0, 0}};  // [malicious][rejected]
  int64_t nonfinite = 0;
  std::vector<double> score;
  std::vector<bool> positive;
  for (size_t i = 0; i < n; ++i) {
    if (verdict.nonfinite[i]) {
      ++nonfinite;
      continue;
    }
    ++counts[malicious[i] ? 1 : 0][verdict.accepted[i] ? 0 : 1];
    score.push_back(verdict.score[i]);
    positive.push_back(malicious[i]);
  }
  Detection detection = ratios(counts[1][1], counts[0][1], counts[0][0], counts[1][0], nonfinite);
  detection.auc = roc_auc(score, positive);
  return detection;
}

}  // namespace fedcamae
