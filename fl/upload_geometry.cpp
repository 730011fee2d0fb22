#include "fl/upload_geometry.h"

#include <algorithm>
#include <cmath>

#include "core/ops.h"

namespace fedcamae {

Tensor benign_mean(std::span<const ClientUpdate> updates, std::span<const int64_t> attackers,
                   const ModelState& global) {
  std::vector<Tensor> benign;
  for (const ClientUpdate& update : updates)
    if (!std::binary_search(attackers.begin(), attackers.end(), update.client) &&
        ops::all_finite(update.state.parameters))
      benign.push_back(update.state.parameters);
  if (benign.empty()) return global.parameters;
  Tensor mean = Tensor::zeros(global.parameters.context(), global.parameters.shape());
  for (const Tensor& weights : benign)
    ops::axpy_(1.0f / static_cast<float>(benign.size()), weights, mean);
  return mean;
}

// The cosine by the law of cosines: of the triangle global model, upload, mean only sides are
// measured.
std::vector<UploadGeometry> upload_geometry(std::span<const ClientUpdate> updates,
                                            const Tensor& mean, const ModelState& global) {
  const double mean_square = ops::squared_distance(global.parameters, mean);
  std::vector<UploadGeometry> result;
  for (const ClientUpdate& update : updates) {
    const double square = ops::squared_distance(global.parameters, update.state.parameters);
    const double between = ops::squared_distance(mean, update.state.parameters);
    result.push_back({std::sqrt(square), std::sqrt(between),
                      (square + mean_square - between) / (2 * std::sqrt(square * mean_square))});
  }
  return result;
}

}  // namespace fedcamae
