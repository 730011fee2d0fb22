// Convolution, by default square-kernelled and padded to keep the size at stride 1.
#pragma once

#include "autograd/functions.h"
#include "layers/module.h"

namespace fedcamae {

struct Conv2dSpec {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t groups = 1;
  bool bias = false;
};

class Conv2d final : public Module {
 public:
  // Padding is (kernel - 1) / 2.
  Conv2d(int64_t in, int64_t out, const Conv2dSpec& spec = {});

  Var forward(const Var& x) override;  // [N, H, W, in] -> [N, H', W', out], of x's type
  void visit(StateVisitor& v) override;
  void initialize(Random& random) override;
  std::string type() const override { return "Conv2d"; }
  int64_t multiply_adds(const Shape& output) const override;

 private:
  ConvSpec spec_;
  bool has_bias_;
  Parameter weight_, bias_;
};

}  // namespace fedcamae
