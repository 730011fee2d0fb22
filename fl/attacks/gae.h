// The two graph-autoencoder attacks behind the name gae; gae.cpp has their options.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fl/attack.h"
#include "fl/attacks/dual_ascent.h"
#include "fl/attacks/graph_autoencoder.h"
#include "fl/attacks/variational_graph.h"

namespace fedcamae {

// As the authors' program does it.
struct ReleasedGaeSpec {
  int64_t models = 5;  // overheard models used, K
  GraphAutoencoderSpec autoencoder;
  double threshold = 0.5;  // of the binarised features
  bool normal = false;     // noise N(0, 1) instead of U(-1, 1)
};
std::unique_ptr<Attack> make_released_gae(const ReleasedGaeSpec& spec);

// As the papers describe it.
struct PaperGaeSpec {
  int64_t models = 5;
  VariationalGraphSpec autoencoder;
  std::string objective = "step";  // none | step | cosine | loss
  DualAscentSpec ascent;
  double bound = 1;    // in largest distances of an overheard update from their mean
  int64_t batch = 64;  // loss: images a step
};
std::unique_ptr<Attack> make_paper_gae(const PaperGaeSpec& spec);

// K of `states` in random order, fewer where there are fewer; the global model alone where there is
// none.
std::vector<ModelState> choose_models(std::span<const ModelState> states, const ModelState& global,
                                      int64_t models, Random& random);

}  // namespace fedcamae
