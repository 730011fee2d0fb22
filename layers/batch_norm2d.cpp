#include "layers/batch_norm2d.h"

namespace fedcamae {

BatchNorm2d::BatchNorm2d(int64_t channels) {
  check(channels > 0, "[batch_norm] channels are above 0, got {}", channels);
  weight_.shape = {channels};
  bias_.shape = {channels};
}

Var BatchNorm2d::apply(Var x, const Var& residual, bool relu) {
  const BatchNormSpec spec{.relu = relu};
  if (!training_)
    return batch_norm_eval(std::move(x), weight_.var(), bias_.var(), residual, spec, running_mean_,
                           running_var_);
  ++*batches_;
  return batch_norm_train(x, weight_.var(), bias_.var(), residual, spec, running_mean_,
                          running_var_);
}

void BatchNorm2d::visit(StateVisitor& v) {
  v.parameter("weight", weight_);
  v.parameter("bias", bias_);
  v.statistic("running_mean", weight_.shape, running_mean_);
  v.statistic("running_var", weight_.shape, running_var_);
  v.counter("num_batches_tracked", batches_);
}

void BatchNorm2d::initialize(Random&) {
  ops::fill_(weight_.value, 1.0f);
  ops::fill_(bias_.value, 0.0f);
  ops::fill_(running_mean_, 0.0f);
  ops::fill_(running_var_, 1.0f);
  *batches_ = 0;
}

}  // namespace fedcamae
