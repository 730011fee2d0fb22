// Gaussian upload (Blanchard et al., NeurIPS 2017): instead of training, every attacker
// uploads independent draws of N(mean, std^2) for every weight and bias.
//   target = update    w = w_g + N(mean, std^2): the update is noise, the paper's gradient
//   target = weights   w = N(mean, std^2): the whole model is noise
//
// Variants. std = 1 is FLPoison's and ByzFL's; the paper has 200. Noise that is added to a benign
// update is the attack `noise`. Statistics and counters stay the global model's: noise in a
// variance would be no variance.
//
//   Cost: d normal numbers an attacker, two vectors of memory.
#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

class Gaussian : public Attack {
 public:
  Gaussian(double mean, double std, bool of_weights)
      : mean_(mean), std_(std), of_weights_(of_weights) {}
  bool trains() const override { return false; }
  bool overhears() const override { return false; }

  std::vector<ModelState> craft(const AttackContext& context) override {
    const ModelState global = context.global.to(context.context);
    std::vector<ModelState> crafted;
    for (const int64_t client : context.attackers) {
      const Tensor weights(context.context, global.parameters.shape());
      ops::fill_normal_({context.seed, Purpose::kAttack, static_cast<uint32_t>(context.round),
                         static_cast<uint32_t>(client)},
                        mean_, std_, weights);
      if (!of_weights_) ops::axpy_(1.0f, global.parameters, weights);
      crafted.push_back({weights, global.statistics, global.counters});
    }
    return crafted;
  }

 private:
  double mean_, std_;
  bool of_weights_;
};

}  // namespace

AttackInfo gaussian_attack() {
  constexpr double kMost = 1e6;
  return {
      .name = "gaussian",
      .doc = "uploads normal noise in the place of an update",
      .source = "Blanchard et al., NeurIPS 2017; std as in FLPoison and ByzFL",
      .knowledge = "the global model; no data",
      .options =
          {{.name = "mean", .value = 0.0, .doc = "mean of the noise", .low = -kMost, .high = kMost},
           {.name = "std",
            .value = 1.0,
            .doc = "standard deviation of the noise, not negative",
            .low = 0,
            .high = kMost},
           {.name = "target",
            .value = std::string("update"),
            .doc = "what is noise: update (added to the global model) or weights",
            .choices = {"update", "weights"}}},
      .make = [](const Options& options) {
        return std::make_unique<Gaussian>(options.real("mean"), options.real("std"),
                                          options.text("target") == "weights");
      }};
}

}  // namespace fedcamae
