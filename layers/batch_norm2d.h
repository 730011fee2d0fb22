// Batch norm (Ioffe and Szegedy, 2015) per channel, eps 1e-5, momentum 0.1. What follows it in a
// network is fused to it: `bn(x)`, `bn.relu(x)`, `bn.add_relu(x, shortcut)`.
#pragma once

#include "autograd/functions.h"
#include "layers/module.h"

namespace fedcamae {

class BatchNorm2d final : public Module {
 public:
  explicit BatchNorm2d(int64_t channels);

  // x [N, H, W, C], normalised by the batch in training, by the running statistics otherwise.
  Var forward(const Var& x) override { return apply(x, Var(), false); }
  Var relu(const Var& x) { return observed(apply(x, Var(), true)); }  // max(bn(x), 0)
  // max(bn(x) + shortcut, 0)
  Var add_relu(const Var& x, const Var& shortcut) { return observed(apply(x, shortcut, true)); }

  void visit(StateVisitor& v) override;
  void initialize(Random& random) override;
  std::string type() const override { return "BatchNorm2d"; }

 private:
  Var apply(const Var& x, const Var& residual, bool relu);

  Parameter weight_, bias_;
  Tensor running_mean_, running_var_;
  int64_t* batches_ = nullptr;  // num_batches_tracked
};

}  // namespace fedcamae
