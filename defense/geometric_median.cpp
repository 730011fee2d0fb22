// The geometric median by the smoothed Weiszfeld algorithm (RFA: Pillutla, Kakade, Harchaoui, IEEE
// TSP 2022, Algorithm 2): the point with the least sum of distances to the updates, nearly.
//   z_0 = the mean; b_i = a_i / max(nu, |z - w_i|); z = the sum of b_i w_i / the sum of b_i, a few
//   times. a_i: equal, or the claimed samples where federation.weighted, as in the paper.
//   Worked example: 0 0 6 on a line: z_0 = 2, b = 1/2 1/2 1/4, so z_1 = 1.2; b = 1/1.2 1/1.2 1/4.8,
//   so z_2 = 2/3; and so on to 0, where the sum of distances is 6 (at the mean it is 8).
//   Cost: reads n d numbers 2 R + 2 times for R iterations; memory: z alone.
//   Statistics and counters: of the same weighted mean as the parameters. Nobody is rejected; the
//   score is the distance from the median.
// Where f of n updates are far out, each step divides what they still pull by (n - f) / f only:
// more `iterations` are for that.
#include <algorithm>

#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/scalars.h"
#include "defense/steps.h"

namespace fedcamae {
namespace {

class GeometricMedian final : public Defense {
 public:
  GeometricMedian(int64_t iterations, double nu) : iterations_(iterations), nu_(nu) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    // Summed by distance from where all began, so that ids move no bit of a score.
    const std::vector<size_t> order =
        order_by(squared_steps(round.global.parameters, updates, present), present);
    const std::vector<double> counts = counts_of(round, updates, verdict.accepted);
    std::vector<double> weights = counts;
    Tensor centre = mean_parameters(round, updates, weights, order);
    for (int64_t i = 0; i < iterations_; ++i) {
      const std::vector<double> distances = step_norms(centre, updates, present);
      for (const size_t u : present) weights[u] = counts[u] / std::max(nu_, distances[u]);
      centre = mean_parameters(round, updates, weights, order);
    }
    verdict.score = step_norms(centre, updates, present);
    return {with_mean_statistics(centre, round, updates, weights), std::move(verdict), {}};
  }

 private:
  int64_t iterations_;
  double nu_;
};

}  // namespace

DefenseInfo geometric_median_defense() {
  return {.name = "geometric_median",
          .doc = "the point nearest to all updates in sum, nearly; score: distance from it",
          .source = "RFA: Pillutla et al., IEEE TSP 2022 (smoothed Weiszfeld)",
          .options = {{.name = "iterations",
                       .value = int64_t{3},
                       .doc = "steps of Weiszfeld's from the mean",
                       .low = 0,
                       .high = 1e6},
                      {.name = "nu",
                       .value = 1e-6,
                       .doc = "distances count as this at least, above 0",
                       .low = 1e-30,
                       .high = 1e6}},
          .make = [](const Options& options) {
            return std::make_unique<GeometricMedian>(options.integer("iterations"),
                                                     options.real("nu"));
          }};
}

}  // namespace fedcamae
