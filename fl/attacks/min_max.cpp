// Min-Max (Shejwalkar and Houmansadr, NDSS 2021, AGR-agnostic): the largest gamma with
//   w = w_g + mean - gamma * p,   max_i |w - w_i| <= max_{i,j} |w_i - w_j|,
// so that the upload is no farther from any benign one than two benign ones are from each other.
// p, the search and what all attackers upload alike: distance_bound.h.
//
// Variants met elsewhere: FLPoison takes p = unit; SAFEFL starts at gamma = 50, Blades searches [0,
// 5]. The paper's p = std is the default. Batch-norm statistics are the benign mean (overheard.h).
//
//   Worked example: w_g = 0, updates (0, 0, 3), (0, 4, 3), (3, 0, 3), mean (1, 4/3, 3). The
//   farthest two are 5 apart, and the second is the first that is 5 from the upload. With p = unit
//   that is at w = 0, gamma = |mean|; with p = std = sqrt(2) (1, 4/3, 0) where 50 gamma^2 + 46
//   sqrt(2) gamma = 152, gamma = 1.21043. Cost: n (n - 1) / 2 distances of pairs, n^2 d, read from
//   memory once; then 3 to 5 readings of each of n vectors of d numbers; five vectors of memory.
#include <algorithm>

#include "fl/attacks/all.h"
#include "fl/attacks/distance_bound.h"

namespace fedcamae {

AttackInfo min_max_attack() {
  return {.name = "min_max",
          .doc = "uploads the benign mean moved away as far as the farthest benign pair is apart",
          .source = "Shejwalkar and Houmansadr, NDSS 2021 (Min-Max)",
          .knowledge = "overhears the benign updates of the round; no data",
          .options = distance_bound_options(),
          .make = [](const Options& options) {
            return make_distance_bound(
                [](std::span<const double> d) { return *std::max_element(d.begin(), d.end()); },
                options);
          }};
}

}  // namespace fedcamae
