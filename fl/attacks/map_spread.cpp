#include "fl/attacks/map_spread.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "data/image_io.h"
#include "models/layer_cam.h"

namespace fedcamae {

MapSpread::MapSpread(const AttackContext& context, const std::vector<ModelState>& models,
                     const MapProbeSpec& spec, Random& random)
    : context_(context), side_(spec.side) {
  const ImageSet& own = *context.images;
  const Normalization& normal = context.normalization;
  const int64_t size = spec.size > 0 ? spec.size : own.height;
  std::vector<float> values;
  for (const int64_t i : random.choose(own.count(), std::min(own.count(), spec.count))) {
    const ImageSet one = own.subset({i});
    labels_.push_back(one.labels[0]);
    const std::vector<float> square = resize_and_crop({one.height, one.width, one.pixels}, size);
    for (size_t j = 0; j < square.size(); ++j)
      values.push_back((square[j] - normal.mean[j % 3]) / normal.std[j % 3]);
  }
  images_ =
      Tensor::from(context.context, {static_cast<int64_t>(labels_.size()), size, size, 3}, values);
  layer_ = inner_layer(*context.model, images_);

  std::vector<Tensor> finite;
  for (const ModelState& model : models) {
    const Tensor found = maps(model);
    if (ops::all_finite(found)) finite.push_back(found);
  }
  mean_ = Tensor::zeros(context.context,
                        {static_cast<int64_t>(labels_.size()) * spec.side * spec.side});
  for (const Tensor& found : finite)
    ops::axpy_(1.0f / static_cast<float>(finite.size()), found, mean_);
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < models.size(); ++i) {
    const double from_mean = distance(models[i]);
    if (!std::isfinite(from_mean)) continue;
    radius_ = std::max(radius_, from_mean);
    if (from_mean < least) {
      least = from_mean;
      nearest_ = i;
    }
  }
}

Tensor MapSpread::maps(const ModelState& state) const {
  Model& model = *context_.model;
  const BorrowedState borrowed(model, state);
  const Tensor raw = layer_cam(model, images_, layer_, labels_).raw;
  return scale_maps(raw, side_).reshape({raw.shape()[0] * side_ * side_});
}

double MapSpread::distance(const ModelState& state) const {
  const Tensor found = maps(state);
  if (!ops::all_finite(found)) return std::numeric_limits<double>::infinity();
  return std::sqrt(ops::squared_distance(mean_, found));
}

double largest_checked(double most, int64_t halvings, const std::function<bool(double)>& holds) {
  if (holds(most)) return most;
  double low = 0, high = most;
  for (int64_t i = 0; i < halvings; ++i) {
    const double middle = (low + high) / 2;
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace fedcamae
