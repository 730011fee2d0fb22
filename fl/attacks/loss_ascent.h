// The surrogate of the graph attack that looks at data: the loss of the next global model on the
// attackers' own images.
#pragma once

#include "fl/attack.h"
#include "fl/attacks/dual_ascent.h"

namespace fedcamae {

struct LossAscentSpec {
  DualAscentSpec dual;
  int64_t batch = 64;  // images a step
};

// What the attackers take for the mean of the benign updates, and how far they may be from it.
struct BenignMean {
  ModelState state;  // weights and statistics; in the attack's context
  double bound = 0;  // Euclidean, on weights
};

// Weights that start at `start` [P] (written to), ascend the cross-entropy of the model
// (b mean + a weights) / (b + a), evaluated, of b benign updates and a attackers, over random
// images of context.images, and end within the bound. Where the attackers have no image nothing
// moves but by the projection.
void ascend_loss_(const AttackContext& context, const BenignMean& benign,
                  const LossAscentSpec& spec, Random& random, const Tensor& start);

}  // namespace fedcamae
