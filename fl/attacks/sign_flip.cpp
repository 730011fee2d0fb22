#include "core/ops.h"
#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

// w = global - scale * (own - global), on parameters; statistics and counters as trained, since a
// negative running variance would give the attacker away as not finite.
class SignFlip : public Attack {
 public:
  explicit SignFlip(double scale) : scale_(static_cast<float>(scale)) {}
  bool trains() const override { return true; }
  bool overhears() const override { return false; }
  std::vector<ModelState> craft(const AttackContext& context) override {
    std::vector<ModelState> crafted;
    for (const ModelState& own : context.own) {
      ModelState state = own.to(context.context);
      ops::scale_(-1.0f, state.parameters);
      ops::axpy_(1.0f, context.global.parameters,
                 state.parameters);  // global - own, exactly signed
      ops::scale_(scale_, state.parameters);
      ops::axpy_(1.0f, context.global.parameters, state.parameters);
      crafted.push_back(state);
    }
    return crafted;
  }

 private:
  float scale_;
};

}  // namespace

AttackInfo sign_flip_attack() {
  return {.name = "sign_flip",
          .doc = "trains honestly, then uploads global - scale * (own - global)",
          .source = "the update's sign turned, as FedML and FLPoison have it",
          .knowledge = "own data and the global model",
          .options = {{.name = "scale",
                       .value = 1.0,
                       .doc = "factor on the turned update, above 0",
                       .low = 1e-6,
                       .high = 1e6}},
          .make = [](const Options& options) {
            return std::make_unique<SignFlip>(options.real("scale"));
          }};
}

}  // namespace fedcamae
