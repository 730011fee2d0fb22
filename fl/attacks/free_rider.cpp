// Free riders (Fraboni, Vidal and Lorenzi, AISTATS 2021, "Free-rider attacks on model aggregation
// in federated learning"): attackers who want the model without the work upload what they were
// sent.
//   variant = plain       w = w_g
//   variant = disguised   w = w_g + sigma * t^-gamma * N(0, 1) on every weight and bias, t the
//   round
// The noise is to look like a client's training, whose changes shrink over rounds. gamma = 1 is the
// paper's. sigma = 0 estimates it as the paper does, from the first change of the global model that
// the attackers see: its root mean square over the weights, times that round's t^gamma; until there
// is one they upload w_g.
//
// Statistics and counters stay the global model's, as received.
//
//   Worked example: sent (0, 0, 0) in round 1 and (3, 4, 0) in round 2, gamma = 1: sigma = 2 *
//   sqrt(25 / 3), the noise of round 2 has standard deviation sqrt(25 / 3), that of round 4 half as
//   much.
//   Cost: d normal numbers an attacker; one older global model is kept until sigma is known.
#include <cmath>

#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"

namespace fedcamae {

namespace {

class FreeRider : public Attack {
 public:
  FreeRider(bool disguised, double sigma, double gamma)
      : disguised_(disguised), sigma_(sigma), gamma_(gamma) {}
  bool trains() const override { return false; }
  bool overhears() const override { return false; }
  bool remembers() const override { return disguised_; }

  std::vector<ModelState> craft(const AttackContext& context) override {
    if (disguised_) watch(context);
    const double std = sigma_ * std::pow(static_cast<double>(context.round), -gamma_);
    std::vector<ModelState> crafted;
    for (const int64_t client : context.attackers) {
      ModelState state = context.global.to(context.context);
      if (disguised_ && std > 0) {
        const Tensor noise(context.context, state.parameters.shape());
        ops::fill_normal_({context.seed, Purpose::kAttack, static_cast<uint32_t>(context.round),
                           static_cast<uint32_t>(client)},
                          0, std, noise);
        ops::axpy_(1.0f, noise, state.parameters);
      }
      crafted.push_back(state);
    }
    return crafted;
  }

 private:
  // Estimates sigma. A round that comes again was sent the same model and changes nothing.
  void watch(const AttackContext& context) {
    if (sigma_ > 0) return;
    const Tensor& now = context.global.parameters;
    if (seen_.defined()) {
      const double change =
          std::sqrt(ops::squared_distance(now, seen_) / static_cast<double>(now.size()));
      if (std::isfinite(change))
        sigma_ = change * std::pow(static_cast<double>(context.round), gamma_);
    }
    seen_ = sigma_ > 0 ? Tensor() : now.to(context.context);
  }

  bool disguised_;
  double sigma_, gamma_;
  Tensor seen_;  // the latest global weights, while sigma is not known
};

}  // namespace

AttackInfo free_rider_attack() {
  return {.name = "free_rider",
          .doc = "uploads the global model as it was sent, disguised by noise that fades",
          .source = "Fraboni et al., AISTATS 2021",
          .knowledge = "the global model; no data",
          .options = {{.name = "variant",
                       .value = std::string("disguised"),
                       .doc = "plain (the global model) or disguised (noise on every weight)",
                       .choices = {"plain", "disguised"}},
                      {.name = "sigma",
                       .value = 0.0,
                       .doc = "standard deviation of round 1; 0: from the global model's change",
                       .low = 0,
                       .high = 1e6},
                      {.name = "gamma",
                       .value = 1.0,
                       .doc = "the noise fades as round^-gamma",
                       .low = 0,
                       .high = 10}},
          .make = [](const Options& options) {
            return std::make_unique<FreeRider>(options.text("variant") == "disguised",
                                               options.real("sigma"), options.real("gamma"));
          }};
}

}  // namespace fedcamae
