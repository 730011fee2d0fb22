// Detection metrics. The only place where a verdict meets the truth.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fl/defense.h"

namespace fedcamae {

// Positive = malicious. Updates that were rejected as not finite are counted apart and are in none
// of the others. An undefined value (0 / 0) is empty, printed as null.
struct Detection {
  int64_t tp = 0, fp = 0, tn = 0, fn = 0, nonfinite = 0;
  std::optional<double> tpr, fpr, precision, f1, mcc;
  std::optional<double> auc;  // area under the ROC curve of the scores, ties counted half
};
Detection detection_metrics(const Verdict& verdict, const std::vector<bool>& malicious);
// The ratios from counts summed over rounds; auc is left empty.
Detection ratios(int64_t tp, int64_t fp, int64_t tn, int64_t fn, int64_t nonfinite);
// A NaN is no score: that update is left out. Empty where one of the two kinds is missing.
std::optional<double> roc_auc(const std::vector<double>& score, const std::vector<bool>& positive);

}  // namespace fedcamae
