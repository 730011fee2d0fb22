// The coordinate-wise median (Yin et al., ICML 2018, Definition 1): each number of the next state
// is the median of that number over the updates.
//   Worked example: updates (1, 9), (2, -5), (100, 0) give (2, 0); with (4, 4) besides, (3, 2).
//   Cost: reads n d numbers once from memory and some thirty times from the cache.
#include "core/ops.h"
#include "defense/all.h"
#include "defense/coordinatewise.h"

namespace fedcamae {
namespace {

class Median final : public Defense {
 public:
  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    const auto middle = [](const std::vector<int64_t>& sorted) {
      return (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
    };
    return apply_to_coordinates({ops::coordinate_median, middle}, round, updates);
  }
};

}  // namespace

DefenseInfo median_defense() {
  return {.name = "median",
          .doc = "the median of every number over all updates that are finite; no scores",
          .source = "Yin et al., ICML 2018 (coordinate-wise median)",
          .options = {},
          .make = [](const Options&) { return std::make_unique<Median>(); }};
}

}  // namespace fedcamae
