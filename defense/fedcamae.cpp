// FedCAMAE: one LayerCAM heat map per uploaded model, for the same probe images; autoencoders that
// reconstruct most maps well; whose map they reconstruct badly is suspicious; a vote over rounds.
#include "defense/all.h"
#include "defense/fedcamae_options.h"

namespace fedcamae {
namespace {

// Read once, before the first round: a picture that is not there must not cost a round's training.
std::optional<Picture> read_fixed(const std::string& path) {
  if (path.empty()) return std::nullopt;
  return read_picture(path);
}

std::unique_ptr<Defense> make_fedcamae(const Options& options) {
  if (options.text("variant") == "reference") {
    ReferenceSpec spec = reference_spec(options);
    spec.probe.fixed = read_fixed(options.text("probe_image"));
    return make_reference_detector(spec);
  }
  CentralSpec spec = central_spec(options);
  spec.probe.fixed = read_fixed(options.text("probe_image"));
  return make_central_detector(spec);
}

}  // namespace

DefenseInfo fedcamae_defense() {
  return {.name = "fedcamae",
          .doc =
              "LayerCAM heat maps through autoencoders; score: how far beyond its cut a map is "
              "reconstructed (reference: mean squared error of the map)",
          .source = "FedCAMAE, MobiCom 2024 poster; voting: LayerCAM-AE, arXiv 2406.02605",
          .options = fedcamae_options(),
          .make = make_fedcamae};
}

}  // namespace fedcamae
