// What a run comes to: detection counts over all rounds, and the last accuracy.
#pragma once

#include <cstdint>
#include <optional>

#include "fl/federation.h"

namespace fedcamae {

class Totals {
 public:
  void add(const RoundRecord& record);

  int64_t rounds() const { return rounds_; }
  const std::optional<double>& accuracy() const { return accuracy_; }  // of the last evaluation
  const std::optional<double>& loss() const { return loss_; }
  // Ratios of the summed counts. Scores of two rounds are in two scales, so auc is the mean of the
  // rounds' own areas, over the rounds that have one.
  Detection detection() const;

 private:
  int64_t rounds_ = 0;
  std::optional<double> accuracy_, loss_;
  Detection counts_;
  double auc_sum_ = 0;
  int64_t auc_count_ = 0;
};

}  // namespace fedcamae
