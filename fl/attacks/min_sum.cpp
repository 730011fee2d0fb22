// Min-Sum (Shejwalkar and Houmansadr, NDSS 2021, AGR-agnostic): the largest gamma with
//   w = w_g + mean - gamma * p,   sum_i |w - w_i|^2 <= max_i sum_j |w_i - w_j|^2,
// so that the upload is no farther from the benign ones together than the outermost benign one is.
// p, the search and what all attackers upload alike: distance_bound.h.
//
// Variants met elsewhere: SAFEFL takes the smallest sum in the place of the largest, FLPoison
// p = unit. The paper's max and p = std are what is done here. Batch-norm statistics are the benign
// mean (overheard.h).
//
//   Worked example: the updates of min_max.cpp have sums of squared distances 25, 41, 34. Around
//   the mean the sum is 50/3 and grows by n gamma^2 |p|^2: gamma = sqrt((41 - 50/3) / (3 |p|^2)),
//   with p = std, |p|^2 = 50/9, gamma = sqrt(1.46). Cost: as Min-Max.
#include <numeric>

#include "fl/attacks/all.h"
#include "fl/attacks/distance_bound.h"

namespace fedcamae {

AttackInfo min_sum_attack() {
  return {.name = "min_sum",
          .doc = "uploads the benign mean moved away as far as the outermost benign update is",
          .source = "Shejwalkar and Houmansadr, NDSS 2021 (Min-Sum)",
          .knowledge = "overhears the benign updates of the round; no data",
          .options = distance_bound_options(),
          .make = [](const Options& options) {
            return make_distance_bound(
                [](std::span<const double> d) { return std::accumulate(d.begin(), d.end(), 0.0); },
                options);
          }};
}

}  // namespace fedcamae
