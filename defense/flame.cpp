// FLAME (Nguyen et al., USENIX Security 2022, Algorithm 1): keep the updates that point the same
// way, clip them to the median length, and add noise.
//   1. HDBSCAN on the cosine distances of the steps w_i - G, for one cluster of more than half the
//      updates; min_samples 1. Score: the distance at which an update leaves that cluster;
//      threshold: the distance at which the cluster ends. A step of length 0 is at distance 1.
//   2. S = the median length of all steps. next = G + the mean over the cluster of
//      min(1, S / |w_i - G|) (w_i - G).
//   3. N(0, (noise S)^2) is added to every parameter.
//   Worked example: steps (3, 4), (8, 6), (20, 0), (-40, 0). Distances .04 .2 .4 within the first
//   three, so they join at .2; the last joins at 1.6. S = 15; next = G + (26, 10) / 3 and noise.
//   Cost: n^2 d / 2 multiply-adds for the distances, no copy of the updates; n^2 log n for the
//   tree; one model for the noise. Statistics and counters: the cluster's mean, without noise: a
//   variance must not be negative.
//   Algorithm 1 writes w_i in step 1, implementations have both; here it is the steps, since whole
//   models all point the same way, namely to G.
#include <algorithm>
#include <cmath>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/hdbscan.h"
#include "defense/scalars.h"
#include "defense/steps.h"

namespace fedcamae {
namespace {

// 1 - cosine of the steps from `squares`, the squared distances between the centre, first, and the
// n updates; [n * n].
std::vector<double> cosine_distances(const std::vector<double>& squares, size_t n) {
  std::vector<double> distances(n * n, 0.0);
  const auto squared = [&](size_t i, size_t j) { return squares[i * (n + 1) + j]; };
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      if (i != j)
        distances[i * n + j] =
            1 - cosine(squared(0, i + 1), squared(0, j + 1), squared(i + 1, j + 1));
  return distances;
}

class Flame final : public Defense {
 public:
  explicit Flame(double noise) : noise_(noise) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    std::vector<Tensor> points = {round.global.parameters};
    for (const size_t i : present) points.push_back(updates[i].state.parameters);
    const std::vector<double> squares =
        ops::pairwise_squared_distances(round.model.context(), points);
    judge(cosine_distances(squares, present.size()), present, verdict);
    std::vector<double> norms(updates.size(), 0.0);
    for (size_t i = 0; i < present.size(); ++i) norms[present[i]] = std::sqrt(squares[i + 1]);
    return {next_state(round, updates, present, norms, verdict), verdict, {}};
  }

 private:
  static void judge(const std::vector<double>& distances, const std::vector<size_t>& present,
                    Verdict& verdict) {
    const size_t n = present.size();
    const HdbscanResult found =
        hdbscan(distances, {.min_cluster_size = std::max<int64_t>(std::ssize(present) / 2 + 1, 2),
                            .min_samples = 1,
                            .allow_single_cluster = true});
    verdict.threshold = 0;
    for (size_t i = 0; i < n; ++i) {
      verdict.score[present[i]] = found.leaves[i];
      verdict.accepted[present[i]] = n == 1 || found.labels[i] == 0;
      if (verdict.accepted[present[i]])
        verdict.threshold = std::max(verdict.threshold, found.leaves[i]);
    }
  }

  ModelState next_state(const RoundContext& round, std::span<const ClientUpdate> updates,
                        const std::vector<size_t>& present, const std::vector<double>& norms,
                        const Verdict& verdict) const {
    std::vector<double> lengths;
    for (const size_t i : present) lengths.push_back(norms[i]);
    const double limit = median(lengths);

    const std::vector<double> counts = counts_of(round, updates, verdict.accepted);
    double total = 0;
    for (const double count : counts) total += count;
    std::vector<double> factors;
    for (size_t i = 0; i < updates.size(); ++i)
      factors.push_back(counts[i] / total * clip_factor(norms[i], limit));
    const Tensor& global = round.global.parameters;
    const Tensor next =
        move_by_steps(global, updates, accepted_positions(verdict.accepted), factors);
    if (noise_ * limit > 0) {
      const Tensor noise(next.context(), next.shape());
      ops::fill_normal_({round.seed, Purpose::kDefense, static_cast<uint32_t>(round.round)}, 0,
                        noise_ * limit, noise);
      ops::axpy_(1, noise, next);
    }
    return with_mean_statistics(next, round, updates, counts);
  }

  double noise_;
};

}  // namespace

DefenseInfo flame_defense() {
  return {
      .name = "flame",
      .doc =
          "the mean of the largest cluster of steps by direction, clipped to the median "
          "length, and noise; score: cosine distance at which an update joins",
      .source = "Nguyen et al., USENIX Security 2022; HDBSCAN: Campello et al., TKDD 2015",
      .options = {{.name = "noise",
                   .value = 1e-3,
                   .doc = "standard deviation of the noise, in median step lengths; the paper's "
                          "lambda, for images",
                   .low = 0,
                   .high = 1}},
      .make = [](const Options& options) {
        return std::make_unique<Flame>(options.real("noise"));
      }};
}

}  // namespace fedcamae
