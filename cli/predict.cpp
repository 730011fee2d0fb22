// fedcamae predict: logits of images.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "autograd/var.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/images.h"
#include "cli/talk.h"
#include "core/error.h"

namespace fedcamae {

int predict_command(const PredictFlags& f) {
  require_range("--size", static_cast<double>(f.size), 1, 8192);
  const std::unique_ptr<Context> context = make_context(f.compute);
  const LoadedModel loaded = open_model(f.model, *context, 0);
  const Normalization normalization =
      choose_normalization(f.normalization, loaded.info, imagenet_normalization());
  // All of them first: one that cannot be read leaves nothing half-told.
  std::vector<std::vector<float>> squares;
  for (const std::string& path : f.images) squares.push_back(read_square(path, f.size));
  nlohmann::ordered_json json = {{"logits", nlohmann::ordered_json::array()}};
  const NoGrad no_grad;
  for (size_t i = 0; i < squares.size(); ++i) {
    const Tensor input = network_input(squares[i], f.size, normalization, *context);
    const std::vector<float> logits = loaded.model->forward(input).value().to_host();
    const auto best = std::max_element(logits.begin(), logits.end());
    if (!f.json) talk("{}: class {} (logit {:.4f})", f.images[i], best - logits.begin(), *best);
    json["logits"].push_back(logits);
  }
  fmt::print("{}\n", json.dump());
  return 0;
}

}  // namespace fedcamae
