#include <cmath>

#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

// A copy of a random benign update plus i.i.d. U(low, high) on every weight and bias; batch-norm
// statistics and counters stay the copy's. (Attackers of one round copy different updates while
// there are enough; where nobody benign takes part they copy the global model.)
class Noise : public Attack {
 public:
  Noise(double low, double high) : low_(static_cast<float>(low)), high_(static_cast<float>(high)) {
    if (!(low_ < high_) || !std::isfinite(high_ - low_))
      fail(ErrorKind::kUsage,
           "attack noise: low ({}) must be below high ({}) in float32, both finite", low, high);
    largest_ = std::nextafter(high_, low_);
  }
  bool trains() const override { return false; }
  bool overhears() const override { return true; }

  std::vector<ModelState> craft(const AttackContext& context) override {
    const int64_t heard = static_cast<int64_t>(context.overheard.size());
    const uint32_t round = static_cast<uint32_t>(context.round);
    const std::vector<int64_t> order =
        Random({context.seed, Purpose::kAttack, round, kSharedDraw}).permutation(heard);
    std::vector<ModelState> crafted;
    for (size_t i = 0; i < context.attackers.size(); ++i) {
      const ModelState& base =
          heard == 0 ? context.global
                     : context.overheard[static_cast<size_t>(order[i % order.size()])];
      ModelState state = base.to(context.context);
      const Tensor noise(context.context, state.parameters.shape());
      ops::fill_uniform_(
          {context.seed, Purpose::kAttack, round, static_cast<uint32_t>(context.attackers[i])}, 0,
          low_, high_, noise);
      ops::clamp_(low_, largest_, noise);  // drawn in double: rounding must not reach the open end
      ops::axpy_(1.0f, noise, state.parameters);
      crafted.push_back(state);
    }
    return crafted;
  }

 private:
  float low_, high_, largest_;
};

}  // namespace

AttackInfo noise_attack() {
  return {.name = "noise",
          .doc = "uploads a random benign update plus uniform noise on every weight and bias",
          .source = "LayerCAM-AE's released code",
          .knowledge = "overhears the benign updates of the round; no data",
          .options = {{.name = "low", .value = 1.0, .doc = "least noise added, below high"},
                      {.name = "high", .value = 2.0, .doc = "bound of the noise added"}},
          .make = [](const Options& options) {
            return std::make_unique<Noise>(options.real("low"), options.real("high"));
          }};
}

}  // namespace fedcamae
