// A Little Is Enough (Baruch, Baruch and Goldberg, NeurIPS 2019): every attacker
// uploads the coordinate-wise mean of the benign updates, shifted by z of their standard
// deviations,
//   w = w_g + mean + z * std,
// with z so small that s benign updates are expected beyond it: with these the attackers are the
// majority that a median follows. With n uploads, f of them malicious,
//   s = floor(n / 2 + 1) - f,   z = quantile of N(0, 1) at (n - f - s) / (n - f).
//
// Variants. The sign is the paper's, +; a negative `z` is its mirror. `z = 0` takes the formula,
// which for few attackers is small or negative (n = 24: f = 3 gives 0.06, f = 1 -0.05); ByzFL fixes
// 1.5, Garfield 1.035. std divides by the number of benign updates, as the authors' code does.
// Where attackers are a majority already, s is 1; where n - f - s is 0, z is 0. Batch-norm
// statistics are the benign mean (overheard.h).
//
//   Worked example: w_g = 0, updates (1, 0, 2) and (3, 0, -2): mean (2, 0, 0), std (1, 0, 2);
//   z = 1.5 uploads (3.5, 0, 3).
//   Cost: reads each of n benign vectors of d numbers twice; four vectors of memory.
#include <algorithm>

#include "core/ops.h"
#include "fl/attacks/all.h"
#include "fl/attacks/overheard.h"

namespace fedcamae {

namespace {

double z_of(int64_t n, int64_t attackers) {
  const int64_t benign = n - attackers;
  const int64_t supporters = std::max<int64_t>(n / 2 + 1 - attackers, 1);
  if (benign - supporters <= 0) return 0;
  return normal_quantile(static_cast<double>(benign - supporters) / static_cast<double>(benign));
}

class Alie : public Attack {
 public:
  explicit Alie(double z) : z_(z) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }
  std::vector<ModelState> craft(const AttackContext& context) override {
    const Overheard benign(context);
    const auto attackers = static_cast<int64_t>(context.attackers.size());
    const auto n = static_cast<int64_t>(context.overheard.size()) + attackers;
    const double z = z_ == 0 ? z_of(n, attackers) : z_;
    const Tensor update = benign.mean();
    const Tensor deviation = benign.deviation(update);
    ops::axpy_(static_cast<float>(z), deviation, update);
    return benign.uploads(benign.weights(update));
  }

 private:
  double z_;
};

}  // namespace

AttackInfo alie_attack() {
  constexpr double kMost = 1e6;
  return {.name = "alie",
          .doc = "uploads the mean of the benign updates plus z of their standard deviations",
          .source = "Baruch et al., NeurIPS 2019 (A Little Is Enough)",
          .knowledge = "overhears the benign updates of the round; no data",
          .options = {{.name = "z",
                       .value = 0.0,
                       .doc = "standard deviations added, may be negative; 0: the paper's formula",
                       .low = -kMost,
                       .high = kMost}},
          .make = [](const Options& options) { return std::make_unique<Alie>(options.real("z")); }};
}

}  // namespace fedcamae
