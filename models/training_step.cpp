#include "models/training_step.h"

#include "layers/losses.h"

namespace fedcamae {

double training_step(Model& model, const Tensor& images, const IndexTensor& labels,
                     float label_smoothing, Optimizer& optimizer, double lr) {
  // The number outlives the tape, and is read when the whole step is queued: one wait per step.
  Tensor loss;
  {
    const Var output = cross_entropy(model.forward(images), labels, label_smoothing);
    loss = output.value();
    optimizer.backward_and_step(output, lr);
  }
  return loss.item();
}

}  // namespace fedcamae
