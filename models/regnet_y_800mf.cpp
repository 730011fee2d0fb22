// RegNetY, names and order of the state as torchvision's regnet_y_800mf. The widths of the 800 MF
// network are 64, 144, 320, 784: torchvision rounds the rule's 56, 136, 320, 776 to multiples of 16
// half up, where the paper's own code gives 64, 128, 320, 768.
#include <cmath>
#include <optional>

#include "layers/linear.h"
#include "layers/pool.h"
#include "layers/sequential.h"
#include "layers/squeeze_excite.h"
#include "models/conv_bn.h"
#include "models/network.h"

namespace fedcamae {
namespace {

constexpr double kSqueezeRatio = 0.25;  // of the block's input width

// y = relu(shortcut(x) + f(x)), f = c(se(b(a(x)))); bottleneck multiplier 1.
class YBlock final : public Module {
 public:
  YBlock(int64_t in, int64_t width, int64_t stride, int64_t group_width)
      : a_(in, width, {}),
        b_(width, width, {.kernel = 3, .stride = stride, .groups = width / group_width}),
        se_(width, std::lround(kSqueezeRatio * static_cast<double>(in))),
        c_(width, width, {}) {
    if (stride != 1 || in != width) proj_.emplace(in, width, Conv2dSpec{.stride = stride});
  }

  Var forward(const Var& x) override {
    const Var shortcut = proj_ ? (*proj_)(x) : x;
    Var y = a_.relu(x);               // 1x1
    y = b_.relu(y);                   // 3x3, grouped, stride
    y = se_(y);                       // gate the channels
    return c_.add_relu(y, shortcut);  // 1x1
  }
  void visit(StateVisitor& v) override {
    if (proj_) v.child("proj", *proj_);
    v.child("f.a", a_);
    v.child("f.b", b_);
    v.child("f.se", se_);
    v.child("f.c", c_);
  }
  std::string type() const override { return "YBlock"; }

 private:
  std::optional<ConvBn> proj_;
  ConvBn a_, b_;
  SqueezeExcite se_;
  ConvBn c_;
};

class RegNet final : public Network {
 public:
  explicit RegNet(const RegNetSpec& spec)
      : stem_(3, spec.stem, {.kernel = 3, .stride = 2}),
        fc_(spec.widths[3], spec.classes, Linear::Init::kNormal) {
    int64_t in = spec.stem;
    for (size_t s = 0; s < spec.widths.size(); ++s) {
      const std::string name = "block" + std::to_string(s + 1);
      auto stage = std::make_unique<Sequential>();
      for (int64_t i = 0; i < spec.depths[s]; ++i) {
        stage->append(
            name + "-" + std::to_string(i),
            std::make_unique<YBlock>(in, spec.widths[s], i == 0 ? 2 : 1, spec.group_width));
        in = spec.widths[s];
      }
      add_tap_points(name, *stage);
      trunk_.append(name, std::move(stage));
    }
  }

  Var forward(const Var& x) override { return fc_(avgpool_(trunk_(stem_.relu(x)))); }
  void visit(StateVisitor& v) override {
    v.child("stem", stem_);
    v.child("trunk_output", trunk_);
    v.child("avgpool", avgpool_);
    v.child("fc", fc_);
  }
  std::string type() const override { return "RegNet"; }

  std::vector<TapPoint> tap_points() const override { return tap_points_; }
  std::string default_tap() const override { return "trunk_output"; }

 private:
  void add_tap_points(const std::string& name, const Sequential& stage) {
    const std::string path = "trunk_output." + name;
    if (tap_points_.empty()) tap_points_.push_back({"trunk_output", &trunk_});
    tap_points_.push_back({path, &stage});
    for (const Sequential::Item& block : stage.items())
      tap_points_.push_back({path + "." + block.name, block.module.get()});
  }

  ConvBn stem_;
  Sequential trunk_;
  GlobalAvgPool avgpool_;
  Linear fc_;
  std::vector<TapPoint> tap_points_;
};

}  // namespace

std::unique_ptr<Network> make_regnet_y(const RegNetSpec& spec) {
  return std::make_unique<RegNet>(spec);
}

}  // namespace fedcamae
