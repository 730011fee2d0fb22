#include "layers/squeeze_excite.h"

namespace fedcamae {

Var SqueezeExcite::forward(const Var& x) {
  const Shape means{x.shape().n(), 1, 1, x.shape().c()};  // one pixel per image
  const Var squeezed = relu(fc1_(reshape(global_avg_pool(x), means)));
  const Var gate = sigmoid(fc2_(squeezed));
  return scale_channels(x, reshape(gate, {means.n(), means.c()}));
}

void SqueezeExcite::visit(StateVisitor& v) {
  v.child("fc1", fc1_);
  v.child("fc2", fc2_);
}

}  // namespace fedcamae
