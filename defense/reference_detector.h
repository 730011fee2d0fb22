// The released FedCAMAE detector: one heat map per uploaded model, an autoencoder trained on all of
// them, the malicious ones included, and a threshold on its errors.
#pragma once

#include <memory>

#include "defense/heat_maps.h"
#include "defense/threshold.h"

namespace fedcamae {

// The defaults are the released code's; its zeroed maps and its vote by slot are left out.
struct ReferenceSpec {
  ProbeSpec probe;
  HeatMapSpec maps;
  AutoencoderSpec autoencoder;
  ThresholdRule rule = ThresholdRule::kMeanStd;
  double k = 1;      // factor of the threshold
  int64_t vote = 3;  // rounds
};
// Throws Error{kUsage} for a spec that cannot be.
std::unique_ptr<Defense> make_reference_detector(const ReferenceSpec& spec);

}  // namespace fedcamae
