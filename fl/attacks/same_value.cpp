// Same value (Li, Xu, Chen, Giannakis and Ling, AAAI 2019, RSA): every attacker uploads one
// number in all places.
//   target = weights   w = value, FedCAM's (FedML's zero attack is value = 0)
//   target = update    w = w_g + value
// value = 100 is the paper's and FedCAM's. Statistics and counters stay the global model's, so that
// no variance is what a weight is.
//
//   Cost: one vector written; all attackers upload it.
#include "core/ops.h"
#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

class SameValue : public Attack {
 public:
  SameValue(double value, bool of_weights)
      : value_(static_cast<float>(value)), of_weights_(of_weights) {}
  bool trains() const override { return false; }
  bool overhears() const override { return false; }

  std::vector<ModelState> craft(const AttackContext& context) override {
    ModelState state = context.global.to(context.context);
    state.parameters = Tensor::full(context.context, context.global.parameters.shape(), value_);
    if (!of_weights_) ops::axpy_(1.0f, context.global.parameters, state.parameters);
    return std::vector<ModelState>(context.attackers.size(), state);
  }

 private:
  float value_;
  bool of_weights_;
};

}  // namespace

AttackInfo same_value_attack() {
  constexpr double kMost = 1e6;
  return {.name = "same_value",
          .doc = "uploads one number as every weight and bias",
          .source = "Li et al., AAAI 2019 (RSA); value as in FedCAM",
          .knowledge = "the global model; no data",
          .options =
              {{.name = "value", .value = 100.0, .doc = "the number", .low = -kMost, .high = kMost},
               {.name = "target",
                .value = std::string("weights"),
                .doc = "what it is: the weights, or the update (added to the global model)",
                .choices = {"weights", "update"}}},
          .make = [](const Options& options) {
            return std::make_unique<SameValue>(options.real("value"),
                                               options.text("target") == "weights");
          }};
}

}  // namespace fedcamae
