#include "layers/losses.h"

#include "autograd/functions.h"

namespace fedcamae {

Var cross_entropy(const Var& logits, const IndexTensor& labels, float smoothing) {
  return softmax_cross_entropy(logits, labels, smoothing);
}

Var mse(const Var& prediction, const Tensor& target) {
  return mean_squared_error(prediction, target);
}

}  // namespace fedcamae
