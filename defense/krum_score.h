// Krum's score, and who is kept by a score: the common part of Krum and Multi-Krum.
#pragma once

#include <span>
#include <vector>

#include "fl/defense.h"

namespace fedcamae {

// Of each accepted update the sum of its squared distances to its n - f - 2 nearest others, one at
// least, n being the accepted; NaN for the others. Blanchard et al., NeurIPS 2017, section 4.
std::vector<double> krum_scores(Context& context, std::span<const ClientUpdate> updates,
                                const std::vector<bool>& accepted, int64_t f);

// Of the accepted keeps the m with the lowest scores, 1 <= m; equal scores by id. The threshold is
// the highest score that was kept.
void keep_lowest(int64_t m, Verdict& verdict);

}  // namespace fedcamae
