#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

class LabelFlip : public Attack {
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

}  // namespace

AttackInfo label_flip_attack() {
  return {.name = "label_flip",
          .doc = "trains on labels y -> classes - 1 - y, every image, and uploads the result",
          .source = "Blades and ByzFL, inverse label flipping",
          .knowledge = "own data",
          .options = {},
          .make = [](const Options&) { return std::make_unique<LabelFlip>(); }};
}

}  // namespace fedcamae
