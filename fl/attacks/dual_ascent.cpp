#include "fl/attacks/dual_ascent.h"

namespace fedcamae {

namespace {

// J's gradient in coordinates, of length 1; all 0 where there is none.
std::vector<double> direction(const UpdateGeometry& geometry, const std::vector<double>& c,
                              SpanObjective objective) {
  const double k = static_cast<double>(geometry.count());
  std::vector<double> g(c.size(), -1 / k);  // -m
  if (objective == SpanObjective::kCosine) {
    // The part of -m that is orthogonal to the update u: -m + <m, u> u / |u|^2.
    double along = 0;  // <m, u>
    for (int64_t i = 0; i < geometry.count(); ++i)
      for (int64_t j = 0; j < geometry.count(); ++j)
        along += geometry.inner(i, j) * c[static_cast<size_t>(j)] / k;
    const double length = geometry.length(c);
    if (length > 0)
      for (size_t i = 0; i < g.size(); ++i) g[i] += along * c[i] / (length * length);
  }
  const double mean = geometry.length(std::vector<double>(c.size(), 1 / k));
  const double size = geometry.length(g);
  constexpr double kNothing = 1e-9;  // of the mean update: what is left is rounding
  for (double& value : g) value = size > kNothing * mean ? value / size : 0;
  return g;
}

}  // namespace

std::vector<double> ascend_in_span(const UpdateGeometry& geometry, std::vector<double> c,
                                   double bound, SpanObjective objective,
                                   const DualAscentSpec& spec) {
  const double share = 1 / static_cast<double>(geometry.count());
  double multiplier = spec.multiplier;
  for (int64_t step = 0; step < spec.steps; ++step) {
    const std::vector<double> g = direction(geometry, c, objective);
    const double distance = geometry.distance_to_mean(c);
    const double pull = distance > 0 ? multiplier / distance : 0;
    for (size_t i = 0; i < c.size(); ++i)
      c[i] += spec.step * bound * (g[i] - pull * (c[i] - share));
    if (bound > 0)
      multiplier = ascended(multiplier, spec.dual_step, geometry.distance_to_mean(c) / bound);
  }
  const double factor = projection(geometry.distance_to_mean(c), bound);
  for (double& value : c) value = share + factor * (value - share);
  return c;
}

}  // namespace fedcamae
