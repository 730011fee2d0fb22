// One round's heat maps, from the updates to their errors behind the autoencoder.
#pragma once

#include <string>
#include <vector>

#include "defense/autoencoder.h"
#include "defense/probe.h"
#include "fl/defense.h"
#include "models/cam.h"

namespace fedcamae {

struct HeatMapSpec {
  std::string layer = "";  // "" = the model's default layer
  bool own_class = false;  // explain each model's arg-max instead of the probe's label
  int64_t side = 224;      // of a map, pixels
  CamMethod method = CamMethod::kLayerCam;
};

// The maps of all updates for all probe images: row u * probes + p, [side * side] in [0, 1], in the
// server's context. A row is not defined where the update was not accepted.
struct HeatMaps {
  int64_t side = 0, probes = 0;
  std::vector<Tensor> rows;
};
// Loads each accepted update into round.model, in the server's context. One whose logits or maps
// are not finite loses its place in the verdict: rejected, nonfinite.
HeatMaps explain_updates(const HeatMapSpec& spec, const RoundContext& round,
                         std::span<const ClientUpdate> updates, const Probe& probe,
                         Verdict& verdict);

// Rows as in HeatMaps. Trains on all maps, stacked in the order of their contents: neither ids nor
// who comes first move a bit of it. To be put in that order, and for nothing else, the maps visit
// the host.
struct Reconstructions {
  std::vector<Tensor> rows;
  std::vector<double> errors;  // mean squared, NaN for a row that is not defined
};
Reconstructions reconstruct_maps(const HeatMaps& maps, const AutoencoderSpec& spec,
                                 const RoundContext& round);

}  // namespace fedcamae
