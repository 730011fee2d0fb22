// Multi-Krum (Blanchard et al., NeurIPS 2017): an update is as suspicious as it is far from its
// nearest others.
#include <algorithm>
#include <numeric>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/all.h"

namespace fedcamae {
namespace {

// Squared distances between the parameters of the updates `present`, [n * n], in the server's
// context: each update is read where its worker left it.
std::vector<double> squared_distances(Context& context, std::span<const ClientUpdate> updates,
                                      const std::vector<size_t>& present) {
  std::vector<Tensor> parameters;
  for (const size_t i : present) parameters.push_back(updates[i].state.parameters);
  return ops::pairwise_squared_distances(context, parameters);
}

// The sum over the `neighbours` nearest others, smallest first: the order of the others moves no
// bit.
double krum_score(std::span<const double> row, size_t self, int64_t neighbours) {
  std::vector<double> distances(row.begin(), row.end());
  distances.erase(distances.begin() + static_cast<std::ptrdiff_t>(self));
  std::sort(distances.begin(), distances.end());
  const auto count = std::min(static_cast<size_t>(neighbours), distances.size());
  return std::accumulate(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(count),
                         0.0);
}

// n counts the finite updates. Each is scored over its n - f - 2 nearest others and the m best are
// averaged (m = 0: n - f). Where n is too small for f, the rule goes on without its guarantee
// (2 f + 2 < n): over one neighbour at least, with one accepted update at least.
class MultiKrum final : public Defense {
 public:
  MultiKrum(int64_t f, int64_t m) : f_(f), m_(m) {}

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    std::vector<size_t> present;
    for (size_t i = 0; i < updates.size(); ++i)
      if (verdict.accepted[i]) present.push_back(i);
    if (!present.empty()) judge(round.model.context(), updates, present, verdict);
    return {mean_of_accepted(round, updates, verdict.accepted), std::move(verdict), {}};
  }

 private:
  void judge(Context& context, std::span<const ClientUpdate> updates, std::vector<size_t> present,
             Verdict& verdict) const {
    const auto n = static_cast<int64_t>(present.size());
    const std::vector<double> distances = squared_distances(context, updates, present);
    for (size_t i = 0; i < present.size(); ++i) {
      const auto row = std::span(distances).subspan(i * present.size(), present.size());
      verdict.score[present[i]] = krum_score(row, i, std::max<int64_t>(n - f_ - 2, 1));
    }

    // Stable: equal scores stay in the order of their ids.
    std::stable_sort(present.begin(), present.end(),
                     [&](size_t a, size_t b) { return verdict.score[a] < verdict.score[b]; });
    const auto kept = static_cast<size_t>(std::clamp<int64_t>(m_ == 0 ? n - f_ : m_, 1, n));
    verdict.threshold = verdict.score[present[kept - 1]];
    for (size_t rank = kept; rank < present.size(); ++rank) verdict.accepted[present[rank]] = false;
  }

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
