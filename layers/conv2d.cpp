#include "layers/conv2d.h"

#include "layers/init.h"

namespace fedcamae {

Conv2d::Conv2d(int64_t in, int64_t out, const Conv2dSpec& spec)
    : spec_{.stride = spec.stride, .padding = (spec.kernel - 1) / 2, .groups = spec.groups},
      has_bias_(spec.bias) {
  check(in > 0 && out > 0 && spec.kernel > 0 && spec.stride > 0 && spec.groups > 0,
        "[conv2d] channels, kernel, stride and groups are above 0, got {} -> {}, {}, {}, {}", in,
        out, spec.kernel, spec.stride, spec.groups);
  check(in % spec.groups == 0 && out % spec.groups == 0,
        "[conv2d] {} inputs and {} outputs do not split into {} groups", in, out, spec.groups);
  weight_.shape = {out, spec.kernel, spec.kernel, in / spec.groups};
  bias_.shape = {out};
}

Var Conv2d::forward(const Var& x) {
  return conv2d(x, cast(weight_.var(), x.type()), has_bias_ ? bias_.var() : Var(), spec_);
}

void Conv2d::visit(StateVisitor& v) {
  v.parameter("weight", weight_);
  if (has_bias_) v.parameter("bias", bias_);
}

void Conv2d::initialize(Random& random) {
  const Shape& s = weight_.shape;
  fill_kaiming_fan_out(random, weight_.value);
  if (has_bias_) fill_fan_in(random, s[1] * s[2] * s[3], bias_.value);
}

int64_t Conv2d::multiply_adds(const Shape& output) const {
  const Shape& s = weight_.shape;
  return output.size() * s[1] * s[2] * s[3];
}

}  // namespace fedcamae
