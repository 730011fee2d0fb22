// The mean of everything that is finite: no defense at all.
#include "defense/aggregate.h"
#include "defense/all.h"

namespace fedcamae {
namespace {

class Mean final : public Defense {
 public:
  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    return {mean_of_accepted(round, updates, verdict.accepted), std::move(verdict), {}};
  }
};

}  // namespace

DefenseInfo mean_defense() {
  return {.name = "mean",
          .doc = "the mean of all updates that are finite; no scores",
          .source = "McMahan et al., AISTATS 2017 (FedAvg)",
          .options = {},
          .make = [](const Options&) { return std::make_unique<Mean>(); }};
}

}  // namespace fedcamae
