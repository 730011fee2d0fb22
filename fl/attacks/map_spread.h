// How far a model's heat maps are from those of the overheard models, on the attackers' own images.
#pragma once

#include <functional>
#include <vector>

#include "core/random.h"
#include "fl/attack.h"

namespace fedcamae {

struct MapProbeSpec {
  int64_t count = 4;  // of the attackers' images
  int64_t size = 0;   // side that they are resized to, pixels; 0: their own height
  int64_t side = 28;  // of a map
};

class MapSpread {
 public:
  // context.images holds at least one image, `models` at least one model; the context must outlive
  // this object.
  MapSpread(const AttackContext& context, const std::vector<ModelState>& models,
            const MapProbeSpec& spec, Random& random);
  // LayerCAM at FedCAMAE's layer (inner_layer, models/cam.h), of the images' labels, scaled to [0,
  // 1]: [count * side * side].
  Tensor maps(const ModelState& state) const;
  // Euclidean, from the mean of the models' maps; infinite where a map is not finite.
  double distance(const ModelState& state) const;
  size_t nearest() const { return nearest_; }  // of the models, the one nearest to the mean map
  double radius() const { return radius_; }  // the largest of the models' distances that are finite

 private:
  const AttackContext& context_;
  int64_t side_;
  Tensor images_;  // [count, size, size, 3]
  std::string layer_;
  std::vector<int32_t> labels_;
  Tensor mean_;
  double radius_ = 0;
  size_t nearest_ = 0;
};

// The largest s in [0, most] that was tried and holds, after `most` itself and so many halvings of
// the interval between what holds and what does not; 0, untried, where none did.
double largest_checked(double most, int64_t halvings, const std::function<bool(double)>& holds);

}  // namespace fedcamae
