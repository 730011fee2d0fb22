// Multi-Krum (Blanchard et al., NeurIPS 2017): an update is as suspicious as it is far from its
// nearest others; the mean of the m least suspicious.
//   s_i = the sum of |w_i - w_j|^2 over the n - f - 2 nearest others j; n counts the finite
//   updates. Worked example: 0 1 3 7 20 on a line, f = 1, so two others each: scores 10 5 13 52
//   458. With m = 4 all but 20 are kept, the mean is 2.75. Cost: n^2 d / 2 multiply-adds, each
//   update read n / 4 times, mostly from the cache; no copy. Statistics and counters: the mean of
//   the kept. Where n is too small for f, the rule goes on without its guarantee (2 f + 2 < n).
#include <algorithm>

#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/krum_score.h"

namespace fedcamae {
namespace {

class MultiKrum final : public Defense {
 public:
  MultiKrum(int64_t f, int64_t m) : f_(f), m_(m) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    verdict.score = krum_scores(round.model.context(), updates, verdict.accepted, f_);
    const auto n = std::count(verdict.accepted.begin(), verdict.accepted.end(), true);
    keep_lowest(std::max<int64_t>(m_ == 0 ? n - f_ : m_, 1), verdict);
    return {mean_of_accepted(round, updates, verdict.accepted), std::move(verdict), {}};
  }

 private:
  int64_t f_, m_;
};

}  // namespace

DefenseInfo multi_krum_defense() {
  constexpr double kMost = 1e6;
  return {.name = "multi_krum",
          .doc =
              "the mean of the m updates nearest to their neighbours; score: sum of squared "
              "distances to the n - f - 2 nearest others",
          .source = "Blanchard et al., NeurIPS 2017",
          .options = {{.name = "f",
                       .value = int64_t{0},
                       .doc = "how many malicious clients to withstand; guaranteed for 2 f + 2 < n",
                       .low = 0,
                       .high = kMost},
                      {.name = "m",
                       .value = int64_t{0},
                       .doc = "how many updates to average, 1 is Krum; 0: n - f",
                       .low = 0,
                       .high = kMost}},
          .make = [](const Options& options) {
            return std::make_unique<MultiKrum>(options.integer("f"), options.integer("m"));
          }};
}

}  // namespace fedcamae
