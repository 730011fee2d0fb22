// Batch norm (Ioffe and Szegedy, 2015) per channel, eps 1e-5, momentum 0.1. What follows it in a
// network is fused to it: `bn(x)`, `bn.relu(x)`, `bn.add_relu(x, shortcut)`.
#pragma once

#include <utility>

#include "autograd/functions.h"
#include "layers/module.h"

namespace fedcamae {

class BatchNorm2d final : public Module {
 public:
  explicit BatchNorm2d(int64_t channels);

  // x [N, H, W, C], normalised by the batch in training, by the running statistics otherwise.
  // By value: an x that nobody else holds is overwritten where no gradient is wanted.
  Var operator()(Var x) { return observed(apply(std::move(x), Var(), false)); }
  Var relu(Var x) { return observed(apply(std::move(x), Var(), true)); }  // max(bn(x), 0)
  // max(bn(x) + shortcut, 0)
  Var add_relu(Var x, const Var& shortcut) { return observed(apply(std::move(x), shortcut, true)); }
  Var forward(const Var& x) override { return apply(x, Var(), false); }

  void visit(StateVisitor& v) override;
  void initialize(Random& random) override;
  std::string type() const override { return "BatchNorm2d"; }

 private:
  Var apply(Var x, const Var& residual, bool relu);

  Parameter weight_, bias_;
  Tensor running_mean_, running_var_;
  int64_t* batches_ = nullptr;  // num_batches_tracked
};

}  // namespace fedcamae
