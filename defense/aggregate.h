// What every rule ends in: the mean of the updates that it accepted.
#pragma once

#include <span>
#include <vector>

#include "fl/defense.h"

namespace fedcamae {

// The verdict before any rule has spoken: every update accepted, except those with a weight or a
// batch-norm statistic that is not finite; no scores, no threshold.
Verdict accept_finite(std::span<const ClientUpdate> updates);

// The positions of the accepted, in the order of the updates.
std::vector<size_t> accepted_positions(const std::vector<bool>& accepted);

// How much each update counts in a mean: 1 or, where round.weighted, the samples that it claims
// (1 where nobody claims any); 0 for the rejected.
std::vector<double> counts_of(const RoundContext& round, std::span<const ClientUpdate> updates,
                              const std::vector<bool>& accepted);

// The mean of whole states, update i in proportion to weights[i] >= 0, one update at a time into
// one buffer, in the order of `updates`; the batch counters' mean is truncated to a whole number.
// All weights 0: the old global state.
ModelState weighted_mean(const RoundContext& round, std::span<const ClientUpdate> updates,
                         std::span<const double> weights);
// The parameters of that mean, summed in this order, which holds each position with a weight above
// 0; not all weights are 0.
Tensor mean_parameters(const RoundContext& round, std::span<const ClientUpdate> updates,
                       std::span<const double> weights, std::span<const size_t> order);
// These parameters, of the server's context, beside the weighted mean of statistics and counters.
ModelState with_mean_statistics(const Tensor& parameters, const RoundContext& round,
                                std::span<const ClientUpdate> updates,
                                std::span<const double> weights);

// The weighted mean over the accepted, by counts_of.
ModelState mean_of_accepted(const RoundContext& round, std::span<const ClientUpdate> updates,
                            const std::vector<bool>& accepted);

}  // namespace fedcamae
