#include "defense/coordinatewise.h"

#include <algorithm>

#include "core/profile.h"
#include "defense/aggregate.h"

namespace fedcamae {
namespace {

ModelState next_state(const CoordinateRule& rule, const RoundContext& round,
                      std::span<const ClientUpdate> updates, const std::vector<size_t>& present) {
  Context& context = round.model.context();
  const ProfilePhase phase(context, "aggregation");
  std::vector<Tensor> parameters, statistics;
  for (const size_t i : present) {
    parameters.push_back(updates[i].state.parameters);
    statistics.push_back(updates[i].state.statistics);
  }
  ModelState next{rule.numbers(context, parameters), rule.numbers(context, statistics), {}};
  for (size_t c = 0; c < round.global.counters.size(); ++c) {
    std::vector<int64_t> counters;
    for (const size_t i : present) counters.push_back(updates[i].state.counters.at(c));
    std::sort(counters.begin(), counters.end());
    next.counters.push_back(rule.counter(counters));
  }
  return next;
}

}  // namespace

DefenseResult apply_to_coordinates(const CoordinateRule& rule, const RoundContext& round,
                                   std::span<const ClientUpdate> updates) {
  Verdict verdict = accept_finite(updates);
  const std::vector<size_t> present = accepted_positions(verdict.accepted);
  return {present.empty() ? round.global : next_state(rule, round, updates, present),
          std::move(verdict),
          {}};
}

}  // namespace fedcamae
