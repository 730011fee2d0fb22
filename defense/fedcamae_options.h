// FedCAMAE's options. What both variants have under one name but with a number of their own stands
// at "the variant's" (0, -1, empty) until it is set.
#pragma once

#include "defense/central_detector.h"
#include "defense/reference_detector.h"

namespace fedcamae {

std::vector<Option> fedcamae_options();

// Of variant "fedcamae" and of variant "reference", without the picture of probe_image. Throws
// Error{kUsage} for an option that the variant does not have.
CentralSpec central_spec(const Options& options);
ReferenceSpec reference_spec(const Options& options);

}  // namespace fedcamae
