#include "cli/totals.h"

namespace fedcamae {

void Totals::add(const RoundRecord& record) {
  ++rounds_;
  if (record.accuracy) {
    accuracy_ = record.accuracy;
    loss_ = record.loss;
  }
  counts_.tp += record.detection.tp;
  counts_.fp += record.detection.fp;
  counts_.tn += record.detection.tn;
  counts_.fn += record.detection.fn;
  counts_.nonfinite += record.detection.nonfinite;
  if (record.detection.auc) {
    auc_sum_ += *record.detection.auc;
    ++auc_count_;
  }
}

Detection Totals::detection() const {
  Detection result = ratios(counts_.tp, counts_.fp, counts_.tn, counts_.fn, counts_.nonfinite);
  if (auc_count_ > 0) result.auc = auc_sum_ / static_cast<double>(auc_count_);
  return result;
}

}  // namespace fedcamae
