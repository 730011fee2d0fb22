#include "fl/attacks/gae.h"

#include <algorithm>

#include "fl/attacks/all.h"

namespace fedcamae {

std::vector<ModelState> choose_models(std::span<const ModelState> states, const ModelState& global,
                                      int64_t models, Random& random) {
  const int64_t heard = static_cast<int64_t>(states.size());
  if (heard == 0) return {global};
  std::vector<ModelState> chosen;
  for (int64_t i : random.choose(heard, std::min(heard, models)))
    chosen.push_back(states[static_cast<size_t>(i)]);
  return chosen;
}

namespace {

std::vector<Option> common_options() {
  return {
      {.name = "variant",
       .value = std::string("released_code"),
       .doc = "whose algorithm: released_code is the authors' published program, paper what their "
              "papers describe (docs/attack.md)",
       .choices = {"released_code", "paper"}},
      {.name = "models",
       .value = int64_t{5},
       .doc = "overheard models used, 1 to 64 (fewer where fewer are benign)",
       .low = 1,
       .high = 64},
      {.name = "epochs",
       .value = int64_t{10},
       .doc = "epochs of the graph autoencoder",
       .low = 0,
       .high = 100000},
      {.name = "lr",
       .value = 0.01,
       .doc = "learning rate of the graph autoencoder (Adam; released_code: betas 0.95 and 0.999)",
       .low = 0,
       .high = 10},
  };
}

std::vector<Option> released_options() {
  return {
      {.name = "threshold",
       .value = 0.5,
       .doc = "released_code: a weight at or above it is feature 1, below it 0"},
      {.name = "noise",
       .value = std::string("uniform"),
       .doc = "released_code: factor on each weight, uniform U(-1, 1) or normal N(0, 1)",
       .choices = {"uniform", "normal"}},
  };
}

std::vector<Option> paper_options() {
  return {
      {.name = "reconstruction",
       .value = std::string("minimise"),
       .doc = "paper: the graph autoencoder's reconstruction loss is minimised (all published "
              "code) or maximised (the text of the VGAE paper)",
       .choices = {"minimise", "maximise"}},
      {.name = "objective",
       .value = std::string("step"),
       .doc =
           "paper: what the update ascends within the bound: its inner product with the reversed "
           "benign mean step, its cosine with it, the next global model's loss on the attackers' "
           "own images, or none",
       .choices = {"step", "cosine", "loss", "none"}},
      {.name = "bound",
       .value = 1.0,
       .doc = "paper: largest distance from the mean of the overheard models, in largest such "
              "distances of an overheard model; above 0",
       .low = 1e-6,
       .high = 1e6},
      {.name = "ascent_steps",
       .value = int64_t{20},
       .doc = "paper: steps of the ascent, 0 or more",
       .low = 0,
       .high = 1e6},
      {.name = "ascent_step",
       .value = 0.05,
       .doc = "paper: length of a step, in bounds; above 0",
       .low = 1e-9,
       .high = 1e3},
      {.name = "dual_step",
       .value = 1.0,
       .doc = "paper: step of the multiplier per relative excess over the bound, 0 or more",
       .low = 0,
       .high = 1e6},
      {.name = "batch",
       .value = int64_t{64},
       .doc = "paper, objective loss: images a step, at least 1",
       .low = 1,
       .high = 1e6},
  };
}

std::vector<Option> gae_options() {
  std::vector<Option> all = common_options();
  for (const auto& more : {released_options(), paper_options()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::unique_ptr<Attack> make_gae(const Options& options) {
  if (options.text("variant") == "paper") {
    PaperGaeSpec spec;
    spec.models = options.integer("models");
    spec.autoencoder.epochs = options.integer("epochs");
    spec.autoencoder.lr = options.real("lr");
    spec.autoencoder.maximise = options.text("reconstruction") == "maximise";
    spec.objective = options.text("objective");
    spec.ascent.steps = options.integer("ascent_steps");
    spec.ascent.step = options.real("ascent_step");
    spec.ascent.dual_step = options.real("dual_step");
    spec.bound = options.real("bound");
    spec.batch = options.integer("batch");
    return make_paper_gae(spec);
  }
  ReleasedGaeSpec spec;
  spec.models = options.integer("models");
  spec.autoencoder.epochs = options.integer("epochs");
  spec.autoencoder.lr = options.real("lr");
  spec.threshold = options.real("threshold");
  spec.normal = options.text("noise") == "normal";
  return make_released_gae(spec);
}

}  // namespace

AttackInfo gae_attack() {
  return {
      .name = "gae",
      .doc =
          "uploads a mix of overheard models, regenerated over a graph: released_code their "
          "mean times noise, paper one that is as near to their mean as they are",
      .source = "Li et al., IEEE TIFS 2024 (arXiv 2311.18498); released code and reconstruction",
      .knowledge =
          "overhears the benign updates of the round; no data, but for objective loss "
          "own images",
      .options = gae_options(),
      .make = make_gae};
}

}  // namespace fedcamae
