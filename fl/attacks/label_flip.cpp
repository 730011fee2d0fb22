// Label flipping: an attacker trains as everybody does, on wrong labels, and uploads the result
// with the statistics and counters of its training.
//   mode = inverse    y <- classes - 1 - y, every image (Blades, ByzFL)
//   mode = targeted   y = source becomes y = target, other images keep their label (Tolpegin et
//   al.,
//                     ESORICS 2020; FLPoison, FedCAM)
// source = 2, target = 7 are FLPoison's.
//
//   Worked example: labels 2, 7, 0 of 10 classes turn into 7, 2, 9 and, targeted, into 7, 7, 0.
//   Cost: a training like everybody's.
#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

class InverseFlip : public Attack {
 public:
  bool trains() const override { return true; }
  bool overhears() const override { return false; }
  void poison_labels(std::vector<int32_t>& labels, int64_t classes) const override {
    for (int32_t& label : labels) label = static_cast<int32_t>(classes) - 1 - label;
  }
  std::vector<ModelState> craft(const AttackContext& context) override {
    return {context.own.begin(), context.own.end()};
  }
};

class TargetedFlip : public Attack {
 public:
  TargetedFlip(int64_t source, int64_t target) : source_(source), target_(target) {
    if (source == target)
      fail(ErrorKind::kUsage, "attack label_flip: source and target are both class {}", source);
  }
  bool trains() const override { return true; }
  bool overhears() const override { return false; }
  void check_classes(int64_t classes) const override {
    for (const int64_t label : {source_, target_})
      if (label >= classes)
        fail(
            ErrorKind::kUsage,
            "attack label_flip: class {} is not in the data, whose classes are 0 to {}; set source "
            "and target",
            label, classes - 1);
  }
  void poison_labels(std::vector<int32_t>& labels, int64_t) const override {
    for (int32_t& label : labels)
      if (label == source_) label = static_cast<int32_t>(target_);
  }
  std::vector<ModelState> craft(const AttackContext& context) override {
    return {context.own.begin(), context.own.end()};
  }

 private:
  int64_t source_, target_;
};

}  // namespace

AttackInfo label_flip_attack() {
  constexpr double kMost = 1e6;
  return {
      .name = "label_flip",
      .doc = "trains on wrong labels and uploads the result",
      .source = "Blades and ByzFL (inverse); Tolpegin et al., ESORICS 2020 (targeted)",
      .knowledge = "own data",
      .options = {{.name = "mode",
                   .value = std::string("inverse"),
                   .doc = "inverse: y -> classes - 1 - y, every image; targeted: source -> target",
                   .choices = {"inverse", "targeted"}},
                  {.name = "source",
                   .value = int64_t{2},
                   .doc = "targeted: the class whose labels are changed, from 0",
                   .low = 0,
                   .high = kMost},
                  {.name = "target",
                   .value = int64_t{7},
                   .doc = "targeted: the class they become, from 0, another than source",
                   .low = 0,
                   .high = kMost}},
      .make = [](const Options& options) -> std::unique_ptr<Attack> {
        if (options.text("mode") == "inverse") return std::make_unique<InverseFlip>();
        return std::make_unique<TargetedFlip>(options.integer("source"), options.integer("target"));
      }};
}

}  // namespace fedcamae
