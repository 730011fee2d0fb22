// Losses: one number, the mean over the batch.
#pragma once

#include "autograd/var.h"
#include "core/tensor.h"

namespace fedcamae {

// logits [N, C], labels [N] in [0, C); smoothing e: target (1 - e) onehot + e / C.
Var cross_entropy(const Var& logits, const IndexTensor& labels, float smoothing = 0.0f);
// Mean over all elements of (prediction - target)^2.
Var mse(const Var& prediction, const Tensor& target);

}  // namespace fedcamae
