// The one place where PyTorch's order of a tensor's numbers, [O, I, H, W], meets ours, [K, R, S,
// C].
#pragma once

#include <span>
#include <vector>

#include "layers/flat_state.h"

namespace fedcamae {

// The numbers of one entry, from one order to the other; those that are not convolution weights
// stay as they are.
std::vector<float> to_torch_order(const StateEntry& entry, std::span<const float> stored);
std::vector<float> from_torch_order(const StateEntry& entry, std::span<const float> torch);

}  // namespace fedcamae
