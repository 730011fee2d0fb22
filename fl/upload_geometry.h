// What uploads look like from outside: how far they go, and which way, beside the benign ones.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"
#include "fl/client_update.h"

namespace fedcamae {

struct UploadGeometry {  // of weights and biases alone; not finite where they are not
  double norm = 0;       // of the update, upload minus global model
  double distance = 0;   // from the mean of the benign uploads
  double cosine = 0;     // between the update and the benign mean's; NaN where one has no length
};

// The mean of the finite updates whose clients are not in `attackers` (sorted ids), in the global
// model's context; the global model where there are none.
Tensor benign_mean(std::span<const ClientUpdate> updates, std::span<const int64_t> attackers,
                   const ModelState& global);
// One entry per update.
std::vector<UploadGeometry> upload_geometry(std::span<const ClientUpdate> updates,
                                            const Tensor& mean, const ModelState& global);

}  // namespace fedcamae
