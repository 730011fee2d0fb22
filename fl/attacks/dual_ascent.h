// Maximise J(x) subject to |x - m| <= bound, by gradient ascent on the Lagrangian
// J(x) - multiplier (|x - m| / bound - 1) and dual ascent on its multiplier. Steps are measured in
// bounds and J's gradient is taken as a direction, so that neither the model's size nor J's unit
// matters.
#pragma once

#include <algorithm>
#include <vector>

#include "fl/attacks/update_geometry.h"

namespace fedcamae {

struct DualAscentSpec {
  int64_t steps = 20;
  double step = 0.05;       // of x, in bounds
  double dual_step = 1;     // of the multiplier, per relative excess of the distance
  double multiplier = 0.1;  // at the start
};

// The multiplier after a step that ended at this share of the bound.
inline double ascended(double multiplier, double dual_step, double share) {
  return std::max(0.0, multiplier + dual_step * (share - 1));
}
// What the offset from the mean is multiplied by to end within the bound, a float32 rounding
// inside.
inline double projection(double distance, double bound) {
  constexpr double kInside = 1 - 1e-6;
  return distance > kInside * bound ? kInside * bound / distance : 1;
}

// Directions that need the overheard updates alone, both against their mean m: the update's inner
// product with -m, or its cosine with -m.
enum class SpanObjective { kStep, kCosine };

// The ascent over updates sum_i c_i d_i, from c on; then the projection. `steps` may be 0.
std::vector<double> ascend_in_span(const UpdateGeometry& geometry, std::vector<double> c,
                                   double bound, SpanObjective objective,
                                   const DualAscentSpec& spec);

}  // namespace fedcamae
