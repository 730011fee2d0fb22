#include "defense/layer_cam.h"

#include <cmath>
#include <span>

#include "autograd/functions.h"

namespace fedcamae {
namespace {

// numpy's minimum and maximum: a NaN wins.
template <class Better>
float extreme(std::span<const float> values, const Better& better) {
  float found = values[0];
  for (const float v : values)
    if (std::isnan(v) || better(v, found)) found = v;
  return found;
}

// scale_cam_image's arithmetic; 1e-7 + maximum is formed in double there.
void scale_to_unit(std::span<float> map) {
  const float low = extreme(map, [](float a, float b) { return a < b; });
  for (float& v : map) v -= low;
  const float high = extreme(map, [](float a, float b) { return a > b; });
  const auto divisor = static_cast<float>(1e-7 + static_cast<double>(high));
  for (float& v : map) v /= divisor;
}

void scale_each(std::vector<float>& maps, int64_t pixels) {
  for (size_t begin = 0; begin < maps.size(); begin += static_cast<size_t>(pixels))
    scale_to_unit(std::span(maps).subspan(begin, static_cast<size_t>(pixels)));
}

}  // namespace

LayerCamResult layer_cam(Model& model, const Tensor& images, const std::string& layer,
                         const std::vector<int32_t>& classes) {
  const Model::Tapped tapped = model.forward_tapped(images, layer);
  LayerCamResult result;
  result.logits = tapped.logits.value();
  result.classes = classes.empty() ? ops::argmax_last(result.logits) : classes;

  const Record record;  // also where the caller records nothing
  const Var score = pick_and_sum(tapped.logits, IndexTensor::from(model.context(), result.classes));
  const Tensor gradient = gradients(score, {{tapped.activation}})[0];  // [N, h, w, c]

  const Tensor& activation = tapped.activation.value();
  const Tensor summed = ops::sum_last(ops::mul(ops::relu(gradient), activation));
  const Shape& s = activation.shape();
  result.raw = ops::relu(summed).reshape({s.n(), s.h(), s.w()});
  return result;
}

Tensor scale_maps(const Tensor& raw, int64_t side) {
  const Shape s = raw.shape();
  check(s.rank() == 3 && s[1] > 0 && s[2] > 0 && side > 0,
        "[scale_maps] maps are [N, h, w], the side is above 0; got {} and {}", s, side);
  std::vector<float> maps = raw.to_host();
  scale_each(maps, s[1] * s[2]);
  const Tensor small = Tensor::from(raw.context(), {s[0], s[1], s[2], 1}, maps);
  maps = ops::resize_bilinear(small, side, side).to_host();
  scale_each(maps, side * side);
  return Tensor::from(raw.context(), {s[0], side, side}, maps);
}

}  // namespace fedcamae
