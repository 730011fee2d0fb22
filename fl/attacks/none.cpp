#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

// The clean run: who would be an attacker trains and uploads like everybody else.
class None : public Attack {
 public:
  bool trains() const override { return true; }
  bool overhears() const override { return false; }
  bool harmless() const override { return true; }
  std::vector<ModelState> craft(const AttackContext& context) override {
    return {context.own.begin(), context.own.end()};
  }
};

}  // namespace

AttackInfo none_attack() {
  return {.name = "none",
          .doc = "nobody attacks: the attackers train and upload like everybody else",
          .source = "",
          .knowledge = "own data",
          .options = {},
          .make = [](const Options&) { return std::make_unique<None>(); }};
}

}  // namespace fedcamae
