// FedCAMAE made to detect: LayerCAM's maps of all the server's images at a layer where they have
// pixels, autoencoders that learn only from the round's central half and never score what they saw,
// robust cuts, the mirror image of every update, a vote (docs/detection.md).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "defense/cross_fit.h"
#include "defense/probe.h"
#include "fl/defense.h"

namespace fedcamae {

// shape, agreement, twins, heat, length (channels.h).
const std::vector<std::string>& central_channels();

struct CentralSpec {
  ProbeSpec probe = {.count = 0, .size = 0};
  std::string layer = "";  // "" = inner_layer (models/cam.h)
  std::vector<std::string> channels = central_channels();
  CrossFitSpec fit;
  double heat_factor = 10;       // between an update's heat and the median update's
  double length_factor = 3;      // between how far an update and the median update have moved
  double k = 5;                  // shape: so many MADs above the median error
  double agreement_share = 0.5;  // of the median update's agreement
  double twins_k = 3;            // twins: so many MADs nearer than the median neighbour
  double twins_ratio = 10;       // and no less than so many times (squared distances)
  int64_t vote = 3;              // rounds
};
// Throws Error{kUsage} for a spec that cannot be.
std::unique_ptr<Defense> make_central_detector(const CentralSpec& spec);

}  // namespace fedcamae
