// ResNet with bottleneck blocks, names and order of the state as torchvision's resnet50. The stride
// sits in the 3x3 convolution ("v1.5"), unlike in the paper.
#include <optional>
#include <utility>

#include "layers/linear.h"
#include "layers/pool.h"
#include "layers/sequential.h"
#include "models/conv_bn.h"
#include "models/network.h"

namespace fedcamae {
namespace {

constexpr int64_t kExpansion = 4;

class Bottleneck final : public Module {
 public:
  Bottleneck(int64_t in, int64_t planes, int64_t stride)
      : conv1_(in, planes),
        bn1_(planes),
        conv2_(planes, planes, {.kernel = 3, .stride = stride}),
        bn2_(planes),
        conv3_(planes, planes * kExpansion),
        bn3_(planes * kExpansion) {
    if (stride != 1 || in != planes * kExpansion)
      downsample_.emplace(in, planes * kExpansion, Conv2dSpec{.stride = stride});
  }

  Var forward(const Var& x) override {
    Var y = bn1_.relu(conv1_(x));  // 1x1, narrow
    y = bn2_.relu(conv2_(y));      // 3x3, stride
    y = conv3_(y);                 // 1x1, widen
    const Var shortcut = downsample_ ? (*downsample_)(x) : x;
    return bn3_.add_relu(std::move(y), shortcut);
  }
  void visit(StateVisitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    v.child("conv2", conv2_);
    v.child("bn2", bn2_);
    v.child("conv3", conv3_);
    v.child("bn3", bn3_);
    if (downsample_) v.child("downsample", *downsample_);
  }
  std::string type() const override { return "Bottleneck"; }

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Conv2d conv3_;
  BatchNorm2d bn3_;
  std::optional<ConvBn> downsample_;
};

class ResNet final : public Network {
 public:
  explicit ResNet(const ResNetSpec& spec)
      : conv1_(3, spec.stem, {.kernel = 7, .stride = 2}),
        bn1_(spec.stem),
        maxpool_({.window = 3, .stride = 2, .padding = 1}),
        fc_(spec.planes[3] * kExpansion, spec.classes) {
    int64_t in = spec.stem;
    for (size_t stage = 0; stage < stages_.size(); ++stage)
      for (int64_t i = 0; i < spec.depths[stage]; ++i) {
        const int64_t stride = i == 0 && stage > 0 ? 2 : 1;
        stages_[stage].append(std::to_string(i),
                              std::make_unique<Bottleneck>(in, spec.planes[stage], stride));
        in = spec.planes[stage] * kExpansion;
      }
  }

  Var forward(const Var& x) override {
    Var y = maxpool_(bn1_.relu(conv1_(x)));          // a quarter of the image's side
    for (Sequential& stage : stages_) y = stage(y);  // then 1/4, 1/8, 1/16, 1/32
    return fc_(avgpool_(y));
  }
  void visit(StateVisitor& v) override {
    v.child("conv1", conv1_);
    v.child("bn1", bn1_);
    v.child("maxpool", maxpool_);
    for (size_t stage = 0; stage < stages_.size(); ++stage)
      v.child(stage_name(stage), stages_[stage]);
    v.child("avgpool", avgpool_);
    v.child("fc", fc_);
  }
  std::string type() const override { return "ResNet"; }

  std::vector<TapPoint> tap_points() const override {
    std::vector<TapPoint> points;
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      points.push_back({stage_name(stage), &stages_[stage]});
      for (const Sequential::Item& block : stages_[stage].items())
        points.push_back({stage_name(stage) + "." + block.name, block.module.get()});
    }
    return points;
  }
  std::string default_tap() const override { return "layer4"; }

 private:
  static std::string stage_name(size_t stage) { return "layer" + std::to_string(stage + 1); }

  Conv2d conv1_;
  BatchNorm2d bn1_;
  MaxPool2d maxpool_;
  std::array<Sequential, 4> stages_;
  GlobalAvgPool avgpool_;
  Linear fc_;
};

}  // namespace

std::unique_ptr<Network> make_resnet(const ResNetSpec& spec) {
  return std::make_unique<ResNet>(spec);
}

}  // namespace fedcamae
