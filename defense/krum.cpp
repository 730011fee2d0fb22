// Krum (Blanchard et al., NeurIPS 2017): the one update that is nearest to its neighbours is the
// next global state.
//   s_i = the sum of |w_i - w_j|^2 over the n - f - 2 nearest others j; the lowest wins.
//   Worked example: 0 1 3 7 20 on a line, f = 1, so two others each: scores 10 5 13 52 458; 1 wins.
//   Cost: n^2 d / 2 multiply-adds, each update read n / 4 times, mostly from the cache; no copy.
//   Statistics and counters: the chosen update's. Nobody else is accepted, so that n - 1 clients
//   count as rejected in every round: the score tells more about detection.
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/krum_score.h"

namespace fedcamae {
namespace {

class Krum final : public Defense {
 public:
  explicit Krum(int64_t f) : f_(f) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    verdict.score = krum_scores(round.model.context(), updates, verdict.accepted, f_);
    keep_lowest(1, verdict);
    const std::vector<size_t> chosen = accepted_positions(verdict.accepted);
    const ModelState& next = chosen.empty() ? round.global : updates[chosen[0]].state;
    return {next, std::move(verdict), {}};
  }

 private:
  int64_t f_;
};

}  // namespace

DefenseInfo krum_defense() {
  constexpr double kMost = 1e6;
  return {
      .name = "krum",
      .doc =
          "the update nearest to its neighbours, alone; score: sum of squared distances to the "
          "n - f - 2 nearest others",
      .source = "Blanchard et al., NeurIPS 2017",
      .options = {{.name = "f",
                   .value = int64_t{0},
                   .doc = "how many malicious clients to withstand; guaranteed for 2 f + 2 < n",
                   .low = 0,
                   .high = kMost}},
      .make = [](const Options& options) { return std::make_unique<Krum>(options.integer("f")); }};
}

}  // namespace fedcamae
