// What every rule ends in: the mean of the updates that it accepted.
#pragma once

#include <span>
#include <vector>

#include "fl/defense.h"

namespace fedcamae {

// The verdict before any rule has spoken: every update accepted, except those with a weight or a
// batch-norm statistic that is not finite; no scores, no threshold.
Verdict accept_finite(std::span<const ClientUpdate> updates);

// The mean over the accepted updates, each with the same share or, where round.weighted, in
// proportion to the samples it claims (the same share where nobody claims any). Parameters and
// batch-norm statistics alike, one update at a time into one buffer, in the order of `updates`; the
// batch counters' mean is truncated to a whole number. Nobody accepted: the old global state.
ModelState mean_of_accepted(const RoundContext& round, std::span<const ClientUpdate> updates,
                            const std::vector<bool>& accepted);

}  // namespace fedcamae
