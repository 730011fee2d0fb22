// Centred clipping (Karimireddy, He, Jaggi, "Learning from History", ICML 2021, section 4): every
// update may pull the last round's step towards itself, by a radius at most.
//   v starts as the step that the last round took, 0 before the first; some times
//     v <- v + the mean of (D_i - v) min(1, tau / |D_i - v|), where D_i = w_i - w_g;
//   the next state is w_g + v.
//   Worked example: v = 0, steps 2 and 100 on a line, tau = 4, one iteration: v = (2 + 4) / 2 = 3.
//   The next round's steps 5 and -50: v = 3 + (2 - 4) / 2 = 2.
//   Cost: reads n d numbers twice an iteration; memory: the next state, v and a block.
//   Statistics and counters: the mean. Nobody is rejected; the score is |D_i - v| for the v that
//   the round began with. Means are equal, or by claimed samples.
// The paper's workers send momenta of their gradients, which is the other half of its defence. Ours
// send what their optimiser made of them; the memory of the server, v, is the paper's.
#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/round_memory.h"
#include "defense/scalars.h"
#include "defense/steps.h"

namespace fedcamae {
namespace {

class CentredClipping final : public Defense {
 public:
  CentredClipping(double tau, int64_t iterations) : tau_(tau), iterations_(iterations) {}

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Tensor& v = step_.begin(round.round);
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    const Tensor& global = round.global.parameters;
    const std::vector<double> counts = counts_of(round, updates, verdict.accepted);
    Tensor centre = v.defined() ? ops::add(global, v) : global;
    verdict.score = step_norms(centre, updates, present);
    std::vector<double> norms = verdict.score;
    for (int64_t iteration = 0; iteration < iterations_; ++iteration) {
      if (iteration > 0) norms = step_norms(centre, updates, present);
      centre = move_by_steps(centre, updates, present, clipped_shares(counts, norms, tau_));
    }
    v = ops::sub(centre, global);
    return {with_mean_statistics(centre, round, updates, counts), std::move(verdict), {}};
  }

 private:
  double tau_;
  int64_t iterations_;
  RoundMemory<Tensor> step_;  // of the last round; not defined before there was one
};

}  // namespace

DefenseInfo centred_clipping_defense() {
  return {.name = "centred_clipping",
          .doc =
              "the last round's step, pulled by each update by tau at most; score: distance "
              "from it",
          .source = "Karimireddy et al., ICML 2021",
          .options = {{.name = "tau",
                       .value = 10.0,
                       .doc = "clipping radius, above 0",
                       .low = 1e-12,
                       .high = 1e9},
                      {.name = "iterations",
                       .value = int64_t{1},
                       .doc = "of clipping and averaging a round",
                       .low = 1,
                       .high = 1e6}},
          .make = [](const Options& options) {
            return std::make_unique<CentredClipping>(options.real("tau"),
                                                     options.integer("iterations"));
          }};
}

}  // namespace fedcamae
