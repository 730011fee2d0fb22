// Pooling layers; they have no state.
#pragma once

#include "autograd/functions.h"
#include "layers/module.h"

namespace fedcamae {

class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(const PoolSpec& spec) : spec_(spec) {}
  Var forward(const Var& x) override { return max_pool(x, spec_); }
  void visit(StateVisitor&) override {}
  std::string type() const override { return "MaxPool2d"; }

 private:
  PoolSpec spec_;
};

class AvgPool2d final : public Module {
 public:
  explicit AvgPool2d(const PoolSpec& spec) : spec_(spec) {}
  Var forward(const Var& x) override { return avg_pool(x, spec_); }
  void visit(StateVisitor&) override {}
  std::string type() const override { return "AvgPool2d"; }

 private:
  PoolSpec spec_;
};

class GlobalAvgPool final : public Module {
 public:
  Var forward(const Var& x) override { return global_avg_pool(x); }  // [N, H, W, C] -> [N, C]
  void visit(StateVisitor&) override {}
  std::string type() const override { return "GlobalAvgPool"; }
};

}  // namespace fedcamae
