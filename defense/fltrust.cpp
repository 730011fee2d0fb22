// FLTrust (Cao, Fang, Liu, Gong, NDSS 2021, Algorithm 2): the server trains on a few clean images
// of its own and trusts an update as far as it points where its own points.
//   D_i = w_i - w_g; D_0 = the server's, from the same start. T_i = max(0, cos(D_i, D_0));
//   w_g + the sum of T_i (|D_0| / |D_i|) D_i / the sum of T_i.
//   Worked example: w_g = 0, D_0 = (2 0), updates (4 0), (1 root 3), (-1 0): T = 1, 1/2, 0; scaled
//   to length 2: (2 0) and (1 root 3); the next state is (5/3, root 3 / 3).
//   Cost: reads n d numbers three times, and the server's training; memory: the next state, a
//   block. Statistics and counters: the mean by T, which the paper does not speak of. Score: 1 -
//   cos, so that 1 is the threshold: who is there or above has no trust and is rejected; a step of
//   length 0 has cosine 0. Claimed samples do not count. Nobody trusted, or a server whose training
//   diverged or moved nothing: the old global state.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/ops.h"
#include "data/loader.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/scalars.h"
#include "defense/steps.h"
#include "models/mode_scope.h"
#include "models/training_step.h"

namespace fedcamae {
namespace {

// In the key of the server's shuffles, where clients have their ids.
constexpr uint32_t kServer = std::numeric_limits<uint32_t>::max();

class FlTrust final : public Defense {
 public:
  explicit FlTrust(const Options& options)
      : optimizer_{.type = options.text("optimizer"),
                   .lr = options.real("lr"),
                   .momentum = options.real("momentum"),
                   .weight_decay = options.real("weight_decay")},
        epochs_(options.integer("epochs")),
        batch_(options.integer("batch")) {}

  void check_setup(const Model&, const ServerData& server) const override {
    if (server.images.count() < 2)
      fail(ErrorKind::kUsage,
           "defense: fltrust trains on the server's images and needs two of them, not {}; raise "
           "data.server_images",
           server.images.count());
  }

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    if (present.empty()) return {round.global, std::move(verdict), {}};

    const Tensor& global = round.global.parameters;
    train_own(round);
    const Tensor& own = round.model.parameters();
    const double own_square =
        ops::all_finite(own) ? ops::squared_distance(global, own) : 0;  // 0: no direction
    const std::vector<double> squares = squared_steps(global, updates, present);
    const std::vector<double> apart = squared_steps(own, updates, present);
    std::vector<double> trust(updates.size(), 0.0), scales(updates.size(), 0.0);
    for (const size_t i : present) {
      const double alike = own_square > 0 ? cosine(squares[i], own_square, apart[i]) : 0;
      verdict.score[i] = 1 - alike;
      trust[i] = std::max(alike, 0.0);
      verdict.accepted[i] = trust[i] > 0;
      if (trust[i] > 0) scales[i] = trust[i] * std::sqrt(own_square / squares[i]);
    }
    verdict.threshold = 1;
    const double total = std::accumulate(trust.begin(), trust.end(), 0.0);
    if (total == 0) return {round.global, std::move(verdict), {}};
    for (double& scale : scales) scale /= total;
    const Tensor next = move_by_steps(global, updates, present, scales);
    return {with_mean_statistics(next, round, updates, trust), std::move(verdict), {}};
  }

 private:
  // From the global state, in the scratch model.
  void train_own(const RoundContext& round) const {
    Model& model = round.model;
    model.set_state(round.global);
    const ModeScope mode(model, true);
    std::vector<int64_t> all(static_cast<size_t>(round.server.images.count()));
    std::iota(all.begin(), all.end(), int64_t{0});
    BatchLoader loader(round.server.images, std::move(all),
                       {.batch = batch_,
                        .normalization = round.server.normalization,
                        .seed = round.seed,
                        .round = static_cast<uint32_t>(round.round),
                        .client = kServer},
                       model.context());
    Optimizer optimizer(optimizer_, model.parameters(), model.gradients());
    for (int64_t step = epochs_ * loader.batches_per_epoch(); step > 0; --step) {
      const Batch batch = loader.next();
      training_step(model, batch.images, batch.labels, 0, optimizer, optimizer_.lr);
    }
  }

  OptimizerSpec optimizer_;
  int64_t epochs_, batch_;
};

std::vector<Option> fltrust_options() {
  constexpr double kMany = 1e6, kRate = 1e3;
  return {{.name = "epochs",
           .value = int64_t{1},
           .doc = "of the server on its images; like the clients' (federation.epochs), and so on",
           .low = 1,
           .high = kMany},
          {.name = "batch",
           .value = int64_t{64},
           .doc = "images in a mini-batch of the server's",
           .low = 2,
           .high = kMany},
          {.name = "optimizer",
           .value = std::string("adam"),
           .doc = "the server's",
           .choices = {"sgd", "adam", "adamw"}},
          {.name = "lr", .value = 1e-3, .doc = "the server's", .low = 0, .high = kRate},
          {.name = "momentum", .value = 0.0, .doc = "the server's sgd's", .low = 0, .high = 1},
          {.name = "weight_decay",
           .value = 0.0,
           .doc = "the server's, as PyTorch's optimisers take it",
           .low = 0,
           .high = kRate}};
}

}  // namespace

DefenseInfo fltrust_defense() {
  return {.name = "fltrust",
          .doc =
              "steps scaled to the server's own and averaged by their cosine with it; score: "
              "1 - cosine",
          .source = "FLTrust: Cao et al., NDSS 2021",
          .options = fltrust_options(),
          .make = [](const Options& options) { return std::make_unique<FlTrust>(options); }};
}

}  // namespace fedcamae
