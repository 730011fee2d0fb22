#include "defense/grad_cam.h"

#include "core/ops.h"

namespace fedcamae {

CamResult grad_cam(Model& model, const Tensor& images, const std::string& layer,
                   const std::vector<int32_t>& classes) {
  const ClassGradient g = class_gradient(model, images, layer, classes);
  return summed_map(ops::scale_channels(g.activation, ops::global_avg_pool(g.gradient)), g);
}

}  // namespace fedcamae
