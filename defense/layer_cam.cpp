#include "defense/layer_cam.h"

#include "autograd/functions.h"

namespace fedcamae {
LayerCamResult layer_cam(Model& model, const Tensor& images, const std::string& layer,
                         const std::vector<int32_t>& classes) {
  const Model::Tapped tapped = model.forward_tapped(images, layer);
  LayerCamResult result;
  result.logits = tapped.logits.value();
  result.classes = classes.empty() ? ops::argmax_last(result.logits) : classes;

  const Record record;  // also where the caller records nothing
  const Var score = pick_and_sum(tapped.logits, IndexTensor::from(model.context(), result.classes));
  // Both [N, h, w, c]. A map is float32 in every precision.
  const Tensor gradient =
      ops::cast(gradients(score, {{tapped.activation}})[0], ElementType::kFloat32);
  const Tensor activation = ops::cast(tapped.activation.value(), ElementType::kFloat32);
  const Tensor summed = ops::sum_last(ops::mul(ops::relu(gradient), activation));
  const Shape& s = activation.shape();
  result.raw = ops::relu(summed).reshape({s.n(), s.h(), s.w()});
  return result;
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
