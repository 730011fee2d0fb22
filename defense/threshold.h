// Where the scores of a round are divided.
#pragma once

#include <vector>

namespace fedcamae {

enum class ThresholdRule {
  kMeanStd,    // mean + k * standard deviation (unbiased: over n - 1); the paper's
  kMedianMad,  // median + k * 1.4826 * median |score - median|: the same for normal scores
};
// A score above it is suspicious. One score has no spread, none gives NaN. The order of the scores
// moves no bit.
double score_threshold(std::vector<double> scores, ThresholdRule rule, double k);

}  // namespace fedcamae
