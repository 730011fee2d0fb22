// What attackers who act together compute from the benign updates that they overhear. An update is
// what the papers' formulas act on, d = w - w_g [P], the change that a client made to the global
// model. Everything is computed and lies in the attack's context; each state is read where its
// worker left it.
#pragma once

#include <functional>
#include <vector>

#include "fl/attack.h"

namespace fedcamae {

class Overheard {
 public:
  // The benign states of the round whose numbers are finite; where there is none, the global model.
  // `context` must outlive this object.
  explicit Overheard(const AttackContext& context);

  const std::vector<ModelState>& states() const { return states_; }
  size_t count() const { return states_.size(); }
  Tensor update(size_t i) const;               // d_i
  Tensor mean() const;                         // of the updates
  Tensor deviation(const Tensor& mean) const;  // sqrt(mean_i (d_i - mean)^2) per coordinate
  Tensor weights(const Tensor& update) const;  // w_g + update
  // |weights - w_i|^2 for every i, differences and sums in double on every device.
  std::vector<double> squared_distances(const Tensor& weights) const;

  // A state with these weights. The papers' gradients have no batch-norm statistics: those are the
  // mean of the overheard ones, so that no variance turns negative; counters are the first state's.
  ModelState with_weights(const Tensor& weights) const;
  // The same upload for every attacker of the round.
  std::vector<ModelState> uploads(const Tensor& weights) const;

 private:
  const AttackContext& context_;
  std::vector<ModelState> states_;
};

// The largest x >= 0 for which `holds`, to the last bits of a double, where it holds from 0 up to
// some number and nowhere above: 0 where it does not hold at all, at most 2^100.
double largest_that(const std::function<bool(double)>& holds);

// z with P(N(0, 1) <= z) = probability, in (0, 1); absolute error below 1e-9 for |z| <= 5.
double normal_quantile(double probability);

}  // namespace fedcamae
