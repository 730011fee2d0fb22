// The panel of heat maps of one round.
#pragma once

#include "data/image_io.h"
#include "fl/federation.h"

namespace fedcamae {

// The probe image first, then each client's map above its reconstruction by the autoencoder, its
// score and whether it was rejected. Malicious clients are framed in red; a legend stands below.
// The record has heat maps.
Picture heat_map_panel(const RoundRecord& record);

}  // namespace fedcamae
