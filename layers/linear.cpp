#include "layers/linear.h"

#include "layers/init.h"

namespace fedcamae {

Linear::Linear(int64_t in, int64_t out, Init init) : init_(init) {
  check(in > 0 && out > 0, "[linear] sizes are above 0, got {} -> {}", in, out);
  weight_.shape = {out, in};
  bias_.shape = {out};
}

Var Linear::forward(const Var& x) { return linear(x, cast(weight_.var(), x.type()), bias_.var()); }

void Linear::visit(StateVisitor& v) {
  v.parameter("weight", weight_);
  v.parameter("bias", bias_);
}

void Linear::initialize(Random& random) {
  if (init_ == Init::kNormal) {
    fill_normal(random, 0.01, weight_.value);
    ops::fill_(bias_.value, 0.0f);
  } else {
    fill_fan_in(random, weight_.shape[1], weight_.value);
    fill_fan_in(random, weight_.shape[1], bias_.value);
  }
}

int64_t Linear::multiply_adds(const Shape& output) const {
  return output.size() * weight_.shape[1];
}

}  // namespace fedcamae
