// FedCAMAE: one LayerCAM heat map per uploaded model, for the same probe image; an autoencoder that
// reconstructs most maps well; whose map it reconstructs badly is suspicious.
#include "defense/all.h"
#include "defense/reference_detector.h"

namespace fedcamae {
namespace {

// Read once, before the first round: a picture that is not there must not cost a round's training.
std::optional<Picture> read_fixed(const std::string& path) {
  if (path.empty()) return std::nullopt;
  return read_picture(path);
}

ReferenceSpec reference_spec(const Options& options) {
  return {.probe = {.fixed = read_fixed(options.text("probe_image")),
                    .label = options.integer("probe_label"),
                    .count = options.integer("probes"),
                    .size = options.integer("size")},
          .maps = {.layer = options.text("layer"),
                   .own_class = options.text("class") == "argmax",
                   .side = options.integer("map_side")},
          .autoencoder = {.hidden = options.integers("hidden"),
                          .epochs = options.integer("epochs"),
                          .lr = options.real("lr"),
                          .weight_decay = options.real("weight_decay")},
          .rule = options.text("threshold") == "mean_std" ? ThresholdRule::kMeanStd
                                                          : ThresholdRule::kMedianMad,
          .k = options.real("k"),
          .vote = options.integer("vote")};
}

std::vector<Option> fedcamae_options() {
  constexpr double kSide = 8192, kMany = 1e6;
  return {
      {.name = "probe_image",
       .value = std::string(),
       .doc = "picture file shown to every model; empty: random images of the server's each round"},
      {.name = "probe_label",
       .value = int64_t{-1},
       .doc = "class of probe_image; -1: not known",
       .low = -1,
       .high = kMany},
      {.name = "probes",
       .value = int64_t{1},
       .doc = "random probe images a round; a score is the mean over them",
       .low = 1,
       .high = kMany},
      {.name = "size",
       .value = int64_t{224},
       .doc = "side that a probe image is resized to, pixels",
       .low = 1,
       .high = kSide},
      {.name = "layer",
       .value = std::string(),
       .doc =
           "layer of the heat maps (`fedcamae summary` lists them); empty: the last trunk block"},
      {.name = "class",
       .value = std::string("label"),
       .doc = "class that is explained: the probe's label, or each model's own arg-max",
       .choices = {"label", "argmax"}},
      {.name = "map_side",
       .value = int64_t{224},
       .doc = "side of a heat map before the autoencoder, pixels",
       .low = 1,
       .high = kSide},
      {.name = "hidden",
       .value = std::vector<int64_t>{128},
       .doc = "sizes of the encoder's layers; the decoder mirrors them",
       .low = 1,
       .high = kMany},
      {.name = "epochs",
       .value = int64_t{200},
       .doc = "of the autoencoder, each one step on all maps",
       .low = 0,
       .high = kMany},
      {.name = "lr", .value = 1e-3, .doc = "the autoencoder's, Adam", .low = 0, .high = 1e3},
      {.name = "weight_decay",
       .value = 1e-5,
       .doc = "the autoencoder's, added to the gradient",
       .low = 0,
       .high = 1e3},
      {.name = "threshold",
       .value = std::string("mean_std"),
       .doc = "of the errors: mean + k std, or median + k * 1.4826 MAD",
       .choices = {"mean_std", "median_mad"}},
      {.name = "k", .value = 1.0, .doc = "factor of the threshold", .low = 0, .high = kMany},
      {.name = "vote",
       .value = int64_t{3},
       .doc = "excluded while flagged in most of its last so many rounds; 1: no voting",
       .low = 1,
       .high = kMany},
  };
}

}  // namespace

DefenseInfo fedcamae_defense() {
  return {.name = "fedcamae",
          .doc = "LayerCAM heat maps through an autoencoder; score: mean squared error of the map",
          .source = "FedCAMAE, MobiCom 2024 poster; voting: LayerCAM-AE, arXiv 2406.02605",
          .options = fedcamae_options(),
          .make = [](const Options& options) {
            return make_reference_detector(reference_spec(options));
          }};
}

}  // namespace fedcamae
