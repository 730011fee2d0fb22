// Convolution without bias and its batch norm: children "0" and "1", as torchvision names them.
#pragma once

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"

namespace fedcamae {

class ConvBn final : public Module {
 public:
  ConvBn(int64_t in, int64_t out, const Conv2dSpec& spec) : conv_(in, out, spec), bn_(out) {}

  Var forward(const Var& x) override { return bn_(conv_(x)); }
  Var relu(const Var& x) { return bn_.relu(conv_(x)); }
  Var add_relu(const Var& x, const Var& shortcut) { return bn_.add_relu(conv_(x), shortcut); }
  void visit(StateVisitor& v) override {
    v.child("0", conv_);
    v.child("1", bn_);
  }
  std::string type() const override { return "ConvBn"; }

 private:
  Conv2d conv_;
  BatchNorm2d bn_;
};

}  // namespace fedcamae
