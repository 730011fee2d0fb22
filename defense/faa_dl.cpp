// FAA-DL (Shi, Hu, Wang, Zhu, Han, "Federated Anomaly Analytics for Local Model Poisoning Attack",
// IEEE JSAC 2022), reconstructed: neither the method's text nor code is public. What is known is
// the abstract's three stages: a light detector finds suspects, clients and server verify them
// under functional encryption, what is confirmed is removed. The formulas here are ours.
//   D_i = w_i - w_g; D_m = the coordinate-wise median of the w_i, minus w_g.
//   1. s_i = 1 - cos(D_i, D_m); suspects: s_i > median(s) + tau * 1.4826 MAD(s). The others verify.
//   2. a_i = the mean of cos(D_i, D_j) over the verifiers j (but i); r = the median of the
//      verifiers' own a. A suspect is confirmed where a_i < r - (1 - margin) |r|.
//   3. The mean without the confirmed.
//   Worked example: w_g = 0, updates (1 0) three times and (1 1), (0 1), (-1 0): D_m = (1 0), s = 0
//   0 0 0.29 1 2; the median of s is 0.15, its MAD 0.15, so with tau = 3 who is above 0.80 is a
//   suspect: the last two. a = 0.18 and -0.93 against r = 0.90: both are confirmed (margin 1/2).
//   Cost: n^2 d / 2 multiply-adds as in Krum, and the median; memory: the median.
//   Statistics and counters: the mean of the accepted. Score: s; who is above the threshold may
//   have been cleared by stage 2. Inner products are all that stage 2 needs of the models: the
//   published scheme computes them encrypted, this server reads them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/scalars.h"
#include "defense/threshold.h"

namespace fedcamae {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Cosines between the steps of n updates, and of each with the step of their median.
class Cosines {
 public:
  Cosines(const RoundContext& round, std::span<const ClientUpdate> updates,
          const std::vector<size_t>& present)
      : n_(present.size()) {
    Context& context = round.model.context();
    std::vector<Tensor> vectors;
    for (const size_t i : present) vectors.push_back(updates[i].state.parameters);
    vectors.push_back(ops::coordinate_median(context, vectors));
    vectors.push_back(round.global.parameters);
    squares_ = ops::pairwise_squared_distances(context, vectors);
  }
  double between(size_t i, size_t j) const {
    const size_t global = n_ + 1;
    return cosine(square(i, global), square(j, global), square(i, j));
  }
  double with_median(size_t i) const { return between(i, n_); }
  size_t size() const { return n_; }

 private:
  double square(size_t i, size_t j) const { return squares_[i * (n_ + 2) + j]; }

  size_t n_;
  std::vector<double> squares_;  // [(n + 2)^2]: the updates, their median, the global state
};

// The mean cosine of i with the verifiers but itself, NaN where there is no other. Smallest first:
// the order of the verifiers moves no bit.
double agreement(const Cosines& cosines, size_t i, const std::vector<size_t>& verifiers) {
  std::vector<double> terms;
  for (const size_t j : verifiers)
    if (j != i) terms.push_back(cosines.between(i, j));
  if (terms.empty()) return kNone;
  std::sort(terms.begin(), terms.end());
  double sum = 0;
  for (const double term : terms) sum += term;
  return sum / static_cast<double>(terms.size());
}

class FaaDl final : public Defense {
 public:
  FaaDl(double tau, double margin) : tau_(tau), margin_(margin) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (!present.empty()) judge(Cosines(round, updates, present), present, verdict);
    return {mean_of_accepted(round, updates, verdict.accepted), std::move(verdict), {}};
  }

 private:
  void judge(const Cosines& cosines, const std::vector<size_t>& present, Verdict& verdict) const {
    std::vector<double> scores;
    for (size_t i = 0; i < cosines.size(); ++i) scores.push_back(1 - cosines.with_median(i));
    verdict.threshold = score_threshold(scores, ThresholdRule::kMedianMad, tau_);
    std::vector<size_t> suspects, verifiers;
    for (size_t i = 0; i < cosines.size(); ++i) {
      verdict.score[present[i]] = scores[i];
      (scores[i] > verdict.threshold ? suspects : verifiers).push_back(i);
    }
    if (suspects.empty()) return;
    // At least half verify, so that a suspect has two verifiers or more.
    std::vector<double> own;
    for (const size_t i : verifiers) own.push_back(agreement(cosines, i, verifiers));
    const double usual = median(std::move(own));
    for (const size_t i : suspects)
      if (agreement(cosines, i, verifiers) < usual - (1 - margin_) * std::abs(usual))
        verdict.accepted[present[i]] = false;
  }

  double tau_, margin_;
};

}  // namespace

DefenseInfo faa_dl_defense() {
  return {
      .name = "faa_dl",
      .doc =
          "reconstructed from its abstract: suspects by the median's direction, verified by "
          "the others' directions; score: 1 - cosine with the median step",
      .source = "FAA-DL: Shi et al., IEEE JSAC 2022, reconstructed",
      .options = {{.name = "tau",
                   .value = 3.0,
                   .doc = "suspects lie above median + tau * 1.4826 MAD",
                   .low = 0,
                   .high = 1e6},
                  {.name = "margin",
                   .value = 0.5,
                   .doc = "of the verifiers' usual agreement, below which a suspect is confirmed",
                   .low = 0,
                   .high = 1}},
      .make = [](const Options& options) {
        return std::make_unique<FaaDl>(options.real("tau"), options.real("margin"));
      }};
}

}  // namespace fedcamae
