// Graph-autoencoder model poisoning (Li et al., IEEE TIFS 2024), as its released code does it: see
// docs/attack.md for what that code computes in the end.
#include <algorithm>
#include <limits>

#include "core/ops.h"
#include "core/random.h"
#include "fl/attacks/all.h"
#include "fl/attacks/gae.h"
#include "fl/attacks/graph_signal.h"

namespace fedcamae {

namespace {

class ReleasedGae final : public Attack {
 public:
  explicit ReleasedGae(const ReleasedGaeSpec& spec) : spec_(spec) {}
  bool trains() const override { return false; }
  bool overhears() const override { return true; }
  bool remembers() const override { return true; }
  std::vector<ModelState> craft(const AttackContext& context) override;

 private:
  FeaturePatterns binarised(const std::vector<ModelState>& models) const;
  Tensor draw_noise(Random& random, const Tensor& like) const;
  ModelState craft_one(const AttackContext& context, const std::vector<ModelState>& models,
                       Random& random);

  struct Memory {
    bool begun = false;
    // The graph that the next attacker starts from: U[0, 1) before the first attack, then the
    // latest output. Its size is the number of overheard models; another number starts afresh.
    SmallMatrix graph;
  };
  ReleasedGaeSpec spec_;
  Memory memory_, before_;  // now; before `round_`, should that come again
  int64_t round_ = 0;       // the latest
};

FeaturePatterns ReleasedGae::binarised(const std::vector<ModelState>& models) const {
  FeaturePatterns patterns;
  patterns.nodes = static_cast<int64_t>(models.size());
  patterns.features = models[0].parameters.size();
  constexpr int64_t kPiece = 1 << 20;  // coordinates that visit the host at a time
  for (int64_t first = 0; first < patterns.features; first += kPiece) {
    const int64_t n = std::min(kPiece, patterns.features - first);
    std::vector<uint64_t> columns(static_cast<size_t>(n), 0);
    for (size_t k = 0; k < models.size(); ++k) {
      const std::vector<float> weights = models[k].parameters.window(first, Shape{n}).to_host();
      for (size_t j = 0; j < columns.size(); ++j)
        if (weights[j] >= spec_.threshold) columns[j] |= uint64_t{1} << k;
    }
    for (uint64_t pattern : columns) patterns.add(pattern);
  }
  return patterns;
}

// A factor for each of the weights `like`. Normal ones may begin with the second of a pair that is
// half used, and are drawn on the host.
Tensor ReleasedGae::draw_noise(Random& random, const Tensor& like) const {
  if (spec_.normal) {
    std::vector<float> noise(static_cast<size_t>(like.size()));
    for (float& value : noise) value = static_cast<float>(random.normal());
    return Tensor::from(like.context(), like.shape(), noise);
  }
  Tensor noise(like.context(), like.shape());
  const uint64_t used = random.position();
  check(used % Random::kUniformWords == 0, "[gae] {} words are no whole uniform numbers", used);
  ops::fill_uniform_(random.key(), static_cast<int64_t>(used / Random::kUniformWords), -1, 1,
                     noise);
  return noise;
}

ModelState ReleasedGae::craft_one(const AttackContext& context,
                                  const std::vector<ModelState>& models, Random& random) {
  const int64_t k = static_cast<int64_t>(models.size());
  GraphAutoencoder autoencoder(binarised(models), training_graph(k, random), spec_.autoencoder,
                               random);
  autoencoder.train(random);
  const SmallMatrix output = prior_adjacency(k, spec_.autoencoder.latent, random);
  const std::vector<double> weights = regenerated_mean(
      left_singular_vectors(laplacian(memory_.graph)), left_singular_vectors(laplacian(output)));
  memory_.graph = output;

  ModelState state = models[0].to(context.context);  // statistics and counters of a benign model
  ops::scale_(static_cast<float>(weights[0]), state.parameters);
  for (size_t i = 1; i < models.size(); ++i)
    ops::axpy_(static_cast<float>(weights[i]), models[i].parameters, state.parameters);
  state.parameters = ops::mul(state.parameters, draw_noise(random, state.parameters));
  return state;
}

std::vector<ModelState> ReleasedGae::craft(const AttackContext& context) {
  if (context.round == round_)
    memory_ = before_;
  else
    before_ = memory_;
  round_ = context.round;
  const uint32_t round = static_cast<uint32_t>(context.round);
  Random shared({context.seed, Purpose::kAttack, round, kSharedDraw});
  const std::vector<ModelState> models =
      choose_models(context.overheard, context.global, spec_.models, shared);
  const int64_t k = static_cast<int64_t>(models.size());
  if (memory_.graph.rows != k) {
    memory_.graph = SmallMatrix(k, k);
    for (double& value : memory_.graph.values) value = shared.uniform();
  }
  const SmallMatrix first = memory_.graph;
  std::vector<ModelState> crafted;
  for (int64_t client : context.attackers) {
    // In the first round all attackers start from the same graph.
    if (!memory_.begun) memory_.graph = first;
    Random random({context.seed, Purpose::kAttack, round, static_cast<uint32_t>(client)});
    crafted.push_back(craft_one(context, models, random));
  }
  memory_.begun = true;
  return crafted;
}

}  // namespace

std::unique_ptr<Attack> make_released_gae(const ReleasedGaeSpec& spec) {
  return std::make_unique<ReleasedGae>(spec);
}

}  // namespace fedcamae
