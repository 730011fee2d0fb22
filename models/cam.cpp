#include "models/cam.h"

#include "autograd/functions.h"

namespace fedcamae {

ClassGradient class_gradient(Model& model, const Tensor& images, const std::string& layer,
                             const std::vector<int32_t>& classes) {
  const Model::Tapped tapped = model.forward_tapped(images, layer);
  ClassGradient result;
  result.logits = tapped.logits.value();
  result.classes = classes.empty() ? ops::argmax_last(result.logits) : classes;

  const Record record;  // also where the caller records nothing
  const Var score = pick_and_sum(tapped.logits, IndexTensor::from(model.context(), result.classes));
  result.gradient = ops::cast(gradients(score, {{tapped.activation}})[0], ElementType::kFloat32);
  result.activation = ops::cast(tapped.activation.value(), ElementType::kFloat32);
  return result;
}

std::string inner_layer(Model& model, const Tensor& images) {
  const Shape& s = images.shape();
  const Tensor first = images.window(0, {1, s.h(), s.w(), s.c()});
  const std::vector<std::string> layers = model.layers();
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    if (model.forward_tapped(first, *layer).activation.shape().h() >= kLeastSide) return *layer;
  return model.default_layer();
}

CamResult summed_map(const Tensor& weighted, const ClassGradient& known) {
  const Shape& s = weighted.shape();
  return {.raw = ops::relu(ops::sum_last(weighted)).reshape({s.n(), s.h(), s.w()}),
          .classes = known.classes,
          .logits = known.logits};
}

}  // namespace fedcamae
