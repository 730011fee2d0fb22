#include "defense/aggregate.h"

#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/profile.h"

namespace fedcamae {
namespace {

// How much each update counts, 0 for the rejected ones.
std::vector<double> votes_of(const RoundContext& round, std::span<const ClientUpdate> updates,
                             const std::vector<bool>& accepted) {
  std::vector<double> equal(updates.size(), 0.0), claimed(updates.size(), 0.0);
  double total = 0;
  for (size_t i = 0; i < updates.size(); ++i) {
    check(updates[i].samples >= 0, "[mean] client {} claims {} samples", updates[i].client,
          updates[i].samples);
    if (!accepted[i]) continue;
    equal[i] = 1;
    claimed[i] = static_cast<double>(updates[i].samples);
    total += claimed[i];
  }
  return round.weighted && total > 0 ? claimed : equal;
}

}  // namespace

Verdict accept_finite(std::span<const ClientUpdate> updates) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Verdict verdict{.score = std::vector<double>(updates.size(), kNone),
                  .threshold = kNone,
                  .accepted = {},
                  .nonfinite = {}};
  for (const ClientUpdate& update : updates) {
    const bool finite =
        ops::all_finite(update.state.parameters) && ops::all_finite(update.state.statistics);
    verdict.accepted.push_back(finite);
    verdict.nonfinite.push_back(!finite);
  }
  return verdict;
}

ModelState mean_of_accepted(const RoundContext& round, std::span<const ClientUpdate> updates,
                            const std::vector<bool>& accepted) {
  const ProfilePhase phase(round.model.context(), "aggregation");
  const std::vector<double> votes = votes_of(round, updates, accepted);
  double total = 0;
  for (const double vote : votes) total += vote;
  if (total == 0) return round.global;

  Context& context = round.model.context();
  ModelState mean{Tensor::zeros(context, round.global.parameters.shape()),
                  Tensor::zeros(context, round.global.statistics.shape()),
                  {}};
  // Shares before sums: a mean of finite numbers does not overflow.
  std::vector<double> counters(round.global.counters.size(), 0.0);
  for (size_t i = 0; i < updates.size(); ++i) {
    if (votes[i] == 0) continue;
    const ModelState& state = updates[i].state;
    const auto share = static_cast<float>(votes[i] / total);
    ops::axpy_(share, state.parameters, mean.parameters);
    ops::axpy_(share, state.statistics, mean.statistics);
    for (size_t c = 0; c < counters.size(); ++c)
      counters[c] += votes[i] * static_cast<double>(state.counters.at(c));
  }
  for (const double sum : counters)
    mean.counters.push_back(static_cast<int64_t>(std::trunc(sum / total)));
  return mean;
}

}  // namespace fedcamae
