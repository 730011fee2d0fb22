// small_cnn: three convolutions with batch norm, for tests and quick studies.
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/pool.h"
#include "models/network.h"

namespace fedcamae {
namespace {

class SmallCnn final : public Network {
 public:
  explicit SmallCnn(int64_t classes) : fc_(64, classes) {}

  Var forward(const Var& x) override {
    Var y = pool_(bn1_.relu(conv1_(x)));  // [N, H / 2, W / 2, 16]
    y = pool_(bn2_.relu(conv2_(y)));      // [N, H / 4, W / 4, 32]
    y = bn3_.relu(conv3_(y));             // [N, H / 4, W / 4, 64]
    return fc_(avgpool_(y));
  }
  void visit(StateVisitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    v.child("pool", pool_);
    v.child("conv2", conv2_);
    v.child("bn2", bn2_);
    v.child("conv3", conv3_);
    v.child("bn3", bn3_);
    v.child("avgpool", avgpool_);
    v.child("fc", fc_);
  }
  std::string type() const override { return "SmallCnn"; }

  // A convolution's activation is what follows its batch norm and ReLU.
  std::vector<TapPoint> tap_points() const override {
    return {{"conv1", &bn1_}, {"conv2", &bn2_}, {"conv3", &bn3_}};
  }
  std::string default_tap() const override { return "conv3"; }

 private:
  Conv2d conv1_{3, 16, {.kernel = 3}};
  BatchNorm2d bn1_{16};
  MaxPool2d pool_{{.window = 2, .stride = 2}};
  Conv2d conv2_{16, 32, {.kernel = 3}};
  BatchNorm2d bn2_{32};
  Conv2d conv3_{32, 64, {.kernel = 3}};
  BatchNorm2d bn3_{64};
  GlobalAvgPool avgpool_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Network> make_small_cnn(int64_t classes) {
  return std::make_unique<SmallCnn>(classes);
}

}  // namespace fedcamae
