// One batch of an evaluation: what the round loop deals to its workers.
#pragma once

#include <vector>

#include "fl/train.h"

namespace fedcamae {

// Like evaluate, over indices[first, first + n) as one batch of a model that is in evaluation mode;
// `loss` and `accuracy` hold sums, not means.
Evaluation evaluate_batch(Model& model, const ImageSet& set, const std::vector<int64_t>& indices,
                          int64_t first, int64_t n, const Normalization& normalization);
// Adds the batches in their order and divides by the count.
Evaluation merge_batches(const std::vector<Evaluation>& batches);

}  // namespace fedcamae
