// Rules that judge every number of the next state by itself, over the updates that are finite.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "fl/defense.h"

namespace fedcamae {

// `numbers` of parameters and of statistics, n tensors each, n >= 1; `counter` of the n values of a
// batch counter, sorted. Nobody finite: the old global state. No scores, and claims have no weight.
struct CoordinateRule {
  std::function<Tensor(Context&, std::span<const Tensor>)> numbers;
  std::function<int64_t(const std::vector<int64_t>&)> counter;
};
DefenseResult apply_to_coordinates(const CoordinateRule& rule, const RoundContext& round,
                                   std::span<const ClientUpdate> updates);

}  // namespace fedcamae
