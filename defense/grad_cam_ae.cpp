// GradCAM-AE (Zheng et al., ACM TOPS 2025), the predecessor of FedCAMAE: Grad-CAM instead of
// LayerCAM maps, everything else as in the released detector.
//   A map is relu(sum_k w_k A_k), w_k the mean over the pixels of the gradient of the class score;
//   scaled to [0, 1]; score: its mean squared error behind an autoencoder that is trained on the
//   maps of all updates; threshold: mean + k standard deviations; vote over rounds.
//   Worked example: channels A_1 = 1 0 and A_2 = 0 2 over two pixels, gradients 2 4 and -1 -1: w =
//   3 and -1, the map relu(3, -2) = 3 0; LayerCAM's is 2 0.
//   Cost: n forward and backward passes of the network, and an autoencoder's training on n maps:
//   O(n map_side^2 hidden epochs).
//   The released code of three of its data sets overwrites maps or answers with the known
//   attackers; that is left out.
#include "defense/all.h"
#include "defense/reference_detector.h"

namespace fedcamae {
namespace {

ReferenceSpec spec_of(const Options& options) {
  return {
      .probe = {.count = options.integer("probes"), .size = options.integer("size")},
      .maps = {.layer = options.text("layer"),
               .own_class = options.text("class") == "argmax",
               .side = options.integer("map_side"),
               .method = CamMethod::kGradCam},
      .autoencoder = {.hidden = options.integers("hidden"), .epochs = options.integer("epochs")},
      .k = options.real("k"),
      .vote = options.integer("vote")};
}

std::vector<Option> grad_cam_ae_options() {
  constexpr double kSide = 8192, kMany = 1e6;
  return {{.name = "probes",
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
           .doc = "layer of the heat maps; empty: the last trunk block"},
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
          {.name = "k",
           .value = 1.0,
           .doc = "standard deviations from the mean error to the threshold",
           .low = 0,
           .high = kMany},
          {.name = "vote",
           .value = int64_t{3},
           .doc = "excluded while flagged in most of its last so many rounds; 1: no voting",
           .low = 1,
           .high = kMany}};
}

}  // namespace

DefenseInfo grad_cam_ae_defense() {
  return {
      .name = "grad_cam_ae",
      .doc = "Grad-CAM heat maps through an autoencoder; score: mean squared error of the map",
      .source = "GradCAM-AE, Zheng et al., ACM TOPS 2025; Grad-CAM: Selvaraju et al., ICCV 2017",
      .options = grad_cam_ae_options(),
      .make = [](const Options& options) { return make_reference_detector(spec_of(options)); }};
}

}  // namespace fedcamae
