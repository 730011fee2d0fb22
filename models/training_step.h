// One mini-batch of training.
#pragma once

#include "layers/optimizer.h"
#include "models/model.h"

namespace fedcamae {

// Forward, mean cross-entropy, backward and the optimiser's step with this rate; the model must be
// in training mode. Returns the loss before the step; one that is not finite as it is.
double training_step(Model& model, const Tensor& images, const IndexTensor& labels,
                     float label_smoothing, Optimizer& optimizer, double lr);

}  // namespace fedcamae
