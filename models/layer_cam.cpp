#include "models/layer_cam.h"

#include "core/ops.h"

namespace fedcamae {

CamResult layer_cam(Model& model, const Tensor& images, const std::string& layer,
                    const std::vector<int32_t>& classes) {
  const ClassGradient g = class_gradient(model, images, layer, classes);
  return summed_map(ops::mul(ops::relu(g.gradient), g.activation), g);
}

Tensor scale_maps(const Tensor& raw, int64_t side) {
  const Shape s = raw.shape();
  check(s.rank() == 3 && s[1] > 0 && s[2] > 0 && side > 0,
        "[scale_maps] maps are [N, h, w], the side is above 0; got {} and {}", s, side);
  const Tensor small = raw.clone();
  ops::scale_to_unit_(small.reshape({s[0], s[1] * s[2]}));
  const Tensor maps = ops::resize_bilinear(small.reshape({s[0], s[1], s[2], 1}), side, side);
  ops::scale_to_unit_(maps.reshape({s[0], side * side}));
  return maps.reshape({s[0], side, side});
}

}  // namespace fedcamae
