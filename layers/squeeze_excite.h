// Channel gating (Hu et al., CVPR 2018), as in torchvision's RegNetY: each channel is scaled by a
// number in (0, 1) that depends on the means of all channels.
#pragma once

#include "layers/conv2d.h"

namespace fedcamae {

class SqueezeExcite final : public Module {
 public:
  SqueezeExcite(int64_t channels, int64_t squeezed)
      : fc1_(channels, squeezed, {.bias = true}), fc2_(squeezed, channels, {.bias = true}) {}

  Var forward(const Var& x) override;  // [N, H, W, C]
  void visit(StateVisitor& v) override;
  std::string type() const override { return "SqueezeExcite"; }

 private:
  Conv2d fc1_, fc2_;
};

}  // namespace fedcamae
