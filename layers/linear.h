// Fully connected layer: y = x w^T + b.
#pragma once

#include "autograd/functions.h"
#include "layers/module.h"

namespace fedcamae {

class Linear final : public Module {
 public:
  enum class Init {
    kFanIn,   // PyTorch's default: weight and bias uniform within 1 / sqrt(in)
    kNormal,  // weight normal, deviation 0.01, bias 0: the head of torchvision's RegNet
  };
  Linear(int64_t in, int64_t out, Init init = Init::kFanIn);

  Var forward(const Var& x) override;  // [N, in] -> [N, out], float32
  void visit(StateVisitor& v) override;
  void initialize(Random& random) override;
  std::string type() const override { return "Linear"; }
  int64_t multiply_adds(const Shape& output) const override;

 private:
  Init init_;
  Parameter weight_, bias_;
};

}  // namespace fedcamae
