// Inner-product manipulation (Xie, Koyejo and Gupta, UAI 2019, "Fall of Empires"): every attacker
// uploads the negative of the benign mean update, scaled,
//   w = w_g - epsilon * mean,
// so that the inner product of the aggregate with the true step is not positive. Under plain
// averaging with f attackers of n that takes epsilon >= (n - f) / f; a small epsilon stays nearer
// to the benign updates than they are to each other, which is what deceives Krum.
//
// Variants. epsilon = 0.1 is FLPoison's; Blades has 1, ByzFL 2,
// Garfield
// 10. Batch-norm statistics are the benign mean (overheard.h).
//
//   Worked example: w_g = (1, 1, 1), benign weights (2, 1, 0) and (4, 1, 2): updates (1, 0, -1) and
//   (3, 0, 1), mean (2, 0, 0); epsilon = 0.5 uploads (0, 1, 1).
//   Cost: reads each of n benign vectors of d numbers once; three vectors of memory.
#include "core/ops.h"
#include "fl/attacks/all.h"
#include "fl/attacks/overheard.h"

namespace fedcamae {

namespace {

class Ipm : public Attack {
 public:
  explicit Ipm(double epsilon) : epsilon_(static_cast<float>(epsilon)) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }
  std::vector<ModelState> craft(const AttackContext& context) override {
    const Overheard benign(context);
    const Tensor update = benign.mean();
    ops::scale_(-epsilon_, update);
    return benign.uploads(benign.weights(update));
  }

 private:
  float epsilon_;
};

}  // namespace

AttackInfo ipm_attack() {
  return {.name = "ipm",
          .doc = "uploads the global model minus epsilon times the mean of the benign updates",
          .source = "Xie et al., UAI 2019 (Fall of Empires)",
          .knowledge = "overhears the benign updates of the round; no data",
          .options = {{.name = "epsilon",
                       .value = 0.1,
                       .doc = "factor on the turned mean update, above 0",
                       .low = 1e-6,
                       .high = 1e6}},
          .make = [](const Options& options) {
            return std::make_unique<Ipm>(options.real("epsilon"));
          }};
}

}  // namespace fedcamae
