// Norm clipping, with weak differential privacy (Sun, Kairouz, Suresh, McMahan, "Can You Really
// Backdoor Federated Learning?", 2019): no update moves the mean by more than a share of M.
//   w_g + the mean of D_i min(1, M / |D_i|) + N(0, s^2), where D_i = w_i - w_g.
//   Worked example: w_g = 0, updates 2 and -12 on a line, M = 3: the mean of 2 and -3, so -0.5.
//   Cost: reads n d numbers twice; memory: the next state and a block.
//   Statistics and counters: the mean, which clips nothing: they are no part of the paper's vector.
//   Nobody is rejected; the score is |D_i|. Means are equal, or by claimed samples.
#include "core/ops.h"
#include "core/random.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/scalars.h"
#include "defense/steps.h"

namespace fedcamae {
namespace {

class NormClipping final : public Defense {
 public:
  NormClipping(double limit, double noise) : limit_(limit), noise_(noise) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    verdict.score = step_norms(round.global.parameters, updates, present);
    const double limit = limit_ > 0 ? limit_ : median_at(verdict.score, present);
    const std::vector<double> counts = counts_of(round, updates, verdict.accepted);
    const Tensor next = move_by_steps(round.global.parameters, updates, present,
                                      clipped_shares(counts, verdict.score, limit));
    if (noise_ > 0) add_noise_(round, next);
    return {with_mean_statistics(next, round, updates, counts), std::move(verdict), {}};
  }

 private:
  void add_noise_(const RoundContext& round, const Tensor& parameters) const {
    const Tensor noise(parameters.context(), parameters.shape());
    ops::fill_normal_({round.seed, Purpose::kDefense, static_cast<uint32_t>(round.round)}, 0,
                      noise_, noise);
    ops::axpy_(1, noise, parameters);
  }

  double limit_, noise_;
};

}  // namespace

DefenseInfo norm_clipping_defense() {
  constexpr double kMost = 1e9;
  return {.name = "norm_clipping",
          .doc = "the mean of the updates' steps, each shortened to a limit; score: its length",
          .source = "Sun et al., arXiv 1911.07963",
          .options = {{.name = "limit",
                       .value = 3.0,
                       .doc = "M, the longest step; 0: the median of the round's lengths",
                       .low = 0,
                       .high = kMost},
                      {.name = "noise",
                       .value = 0.0,
                       .doc = "s, of the normal noise on every parameter (weak differential "
                              "privacy); 0: none",
                       .low = 0,
                       .high = kMost}},
          .make = [](const Options& options) {
            return std::make_unique<NormClipping>(options.real("limit"), options.real("noise"));
          }};
}

}  // namespace fedcamae
