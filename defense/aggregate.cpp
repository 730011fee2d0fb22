#include "defense/aggregate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/ops.h"
#include "core/profile.h"

namespace fedcamae {
namespace {

// Shares before sums: a mean of finite numbers does not overflow.
Tensor mean_of(const RoundContext& round, std::span<const ClientUpdate> updates,
               std::span<const double> weights, std::span<const size_t> order,
               Tensor ModelState::*part) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  Tensor mean = Tensor::zeros(round.model.context(), (round.global.*part).shape());
  for (const size_t i : order)
    if (weights[i] > 0)
      ops::axpy_(static_cast<float>(weights[i] / total), updates[i].state.*part, mean);
  return mean;
}

std::vector<size_t> by_id(std::span<const ClientUpdate> updates) {
  std::vector<size_t> order(updates.size());
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

// Rounding must not lead out of the range of the counters: where all are equal, so is their mean.
int64_t mean_counter(std::span<const ClientUpdate> updates, std::span<const double> weights,
                     size_t c) {
  int64_t low = std::numeric_limits<int64_t>::max(), high = std::numeric_limits<int64_t>::min();
  double sum = 0, total = 0;
  for (size_t i = 0; i < updates.size(); ++i) {
    if (weights[i] == 0) continue;
    const int64_t counter = updates[i].state.counters.at(c);
    low = std::min(low, counter);
    high = std::max(high, counter);
    sum += weights[i] * static_cast<double>(counter);
    total += weights[i];
  }
  return std::clamp(static_cast<int64_t>(std::trunc(sum / total)), low, high);
}

bool nobody(std::span<const double> weights) {
  return std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0; });
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

std::vector<size_t> accepted_positions(const std::vector<bool>& accepted) {
  std::vector<size_t> positions;
  for (size_t i = 0; i < accepted.size(); ++i)
    if (accepted[i]) positions.push_back(i);
  return positions;
}

std::vector<double> counts_of(const RoundContext& round, std::span<const ClientUpdate> updates,
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

ModelState weighted_mean(const RoundContext& round, std::span<const ClientUpdate> updates,
                         std::span<const double> weights) {
  if (nobody(weights)) return round.global;
  const ProfilePhase phase(round.model.context(), "aggregation");
  return with_mean_statistics(mean_parameters(round, updates, weights, by_id(updates)), round,
                              updates, weights);
}

Tensor mean_parameters(const RoundContext& round, std::span<const ClientUpdate> updates,
                       std::span<const double> weights, std::span<const size_t> order) {
  return mean_of(round, updates, weights, order, &ModelState::parameters);
}

ModelState with_mean_statistics(const Tensor& parameters, const RoundContext& round,
                                std::span<const ClientUpdate> updates,
                                std::span<const double> weights) {
  if (nobody(weights)) return {parameters, round.global.statistics, round.global.counters};
  ModelState next{
      parameters, mean_of(round, updates, weights, by_id(updates), &ModelState::statistics), {}};
  for (size_t c = 0; c < round.global.counters.size(); ++c)
    next.counters.push_back(mean_counter(updates, weights, c));
  return next;
}

ModelState mean_of_accepted(const RoundContext& round, std::span<const ClientUpdate> updates,
                            const std::vector<bool>& accepted) {
  return weighted_mean(round, updates, counts_of(round, updates, accepted));
}

}  // namespace fedcamae
