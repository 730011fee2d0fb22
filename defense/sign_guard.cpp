// SignGuard (Xu, Huang, Song, Lan, ICDCS 2022, Algorithm 2): honest steps have like lengths and
// like shares of rising and falling parameters.
//   D_i = w_i - w_g, M the median of the |D_i|.
//   1. Kept by length: lower M <= |D_i| <= upper M.
//   2. Kept by signs: of a random stretch of the parameters the shares of D_i above, at and below
//      0; mean shift over these points; the largest cluster stays.
//   3. Who is kept twice: w_g + the mean of D_i min(1, M / |D_i|).
//   Worked example: w_g = 0, updates (1 1 1 -1), (2 1 2 -1), (-9 -9 -9 9). M is the root of 10; the
//   third is 18 long, above 3 M, and its shares 1/4 0 3/4 are no neighbours of 3/4 0 1/4.
//   Cost: reads (2 + share) n d numbers, n^2 for the clusters; memory: the next state and a block.
//   Statistics and counters: the mean of the kept. Score: the distance from the cluster's centre,
//   and 2 more (no two shares are farther apart than the root of 2) for a length out of bounds.
// The stretch and the rule for clusters (half of the points for the bandwidth) are those of the
// authors' program; it divides each share by the largest one besides, which makes a few zeros in a
// million numbers as loud as the signs, and is left out, as in the paper.
#include "core/random.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/mean_shift.h"
#include "defense/scalars.h"
#include "defense/steps.h"

namespace fedcamae {
namespace {

constexpr double kOutOfBounds = 2;      // in the score
constexpr double kNeighbourhood = 0.5;  // of the points, for the bandwidth

class SignGuard final : public Defense {
 public:
  SignGuard(double lower, double upper, double share)
      : lower_(lower), upper_(upper), share_(share) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    const Tensor& global = round.global.parameters;
    const std::vector<double> norms = step_norms(global, updates, present);
    const double middle = median_at(norms, present);
    judge(norms, middle, sign_points(round, updates, present), present, verdict);

    const std::vector<size_t> kept = accepted_positions(verdict.accepted);
    if (kept.empty()) return {round.global, std::move(verdict), {}};
    const std::vector<double> counts = counts_of(round, updates, verdict.accepted);
    const Tensor next = move_by_steps(global, updates, kept, clipped_shares(counts, norms, middle));
    return {with_mean_statistics(next, round, updates, counts), std::move(verdict), {}};
  }

 private:
  // The shares of signs of each present update, in a stretch that is another one each round.
  std::vector<Point> sign_points(const RoundContext& round, std::span<const ClientUpdate> updates,
                                 const std::vector<size_t>& present) const {
    const Tensor& global = round.global.parameters;
    const auto size = static_cast<double>(global.size());
    const auto length = std::max<int64_t>(static_cast<int64_t>(share_ * size), 1);
    Random random({round.seed, Purpose::kDefense, static_cast<uint32_t>(round.round)});
    const auto first =
        static_cast<int64_t>(random.below(static_cast<uint64_t>(global.size() - length + 1)));
    std::vector<Point> points;
    for (const size_t i : present) {
      const SignShares shares = sign_shares(global.window(first, {length}),
                                            updates[i].state.parameters.window(first, {length}));
      points.push_back({shares.positive, shares.zero, shares.negative});
    }
    return points;
  }

  void judge(const std::vector<double>& norms, double middle, const std::vector<Point>& points,
             const std::vector<size_t>& present, Verdict& verdict) const {
    const Cluster kept = largest_cluster(points, estimate_bandwidth(points, kNeighbourhood));
    std::vector<bool> by_signs(points.size(), false);
    for (const size_t member : kept.members) by_signs[member] = true;
    for (size_t k = 0; k < present.size(); ++k) {
      const double norm = norms[present[k]];
      const bool by_length = lower_ * middle <= norm && norm <= upper_ * middle;
      verdict.accepted[present[k]] = by_length && by_signs[k];
      verdict.score[present[k]] =
          distance(points[k], kept.centre) + (by_length ? 0.0 : kOutOfBounds);
    }
  }

  double lower_, upper_, share_;
};

}  // namespace

DefenseInfo sign_guard_defense() {
  return {.name = "sign_guard",
          .doc =
              "the mean of the steps of usual length and of the largest cluster by signs; "
              "score: distance from that cluster, 2 more for another length",
          .source = "SignGuard: Xu et al., ICDCS 2022",
          .options = {{.name = "lower",
                       .value = 0.1,
                       .doc = "shortest step that is kept, times the median length",
                       .low = 0,
                       .high = 1},
                      {.name = "upper",
                       .value = 3.0,
                       .doc = "longest step that is kept, times the median length",
                       .low = 1,
                       .high = 1e9},
                      {.name = "share",
                       .value = 0.1,
                       .doc = "of the parameters, whose signs are looked at",
                       .low = 0,
                       .high = 1}},
          .make = [](const Options& options) {
            return std::make_unique<SignGuard>(options.real("lower"), options.real("upper"),
                                               options.real("share"));
          }};
}

}  // namespace fedcamae
