// What the class activation maps have in common: a layer's activation A and the gradient dY_c/dA of
// a class score. Each method weighs one with the other in its own file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model.h"

namespace fedcamae {

enum class CamMethod { kLayerCam, kGradCam };

struct CamResult {
  Tensor raw;                    // [N, h, w], at the layer's resolution, none below 0
  std::vector<int32_t> classes;  // the class that was explained, per image
  Tensor logits;                 // [N, classes]
};

struct ClassGradient {
  Tensor activation, gradient;  // [N, h, w, c], float32 in every precision
  std::vector<int32_t> classes;
  Tensor logits;
};
// images [N, H, W, 3], normalised. classes: one per image, or empty for each image's arg-max. Runs
// in evaluation mode and leaves the model's mode and state as they were.
ClassGradient class_gradient(Model& model, const Tensor& images, const std::string& layer,
                             const std::vector<int32_t>& classes);
// The last layer in whose maps a place can be told: kLeastSide pixels wide at least for such images
// [N, H, W, 3]; the model's default layer where no map is so wide.
constexpr int64_t kLeastSide = 4;
std::string inner_layer(Model& model, const Tensor& images);
// relu(sum_k weighted_k) of weighted [N, h, w, c], with what is known of the images.
CamResult summed_map(const Tensor& weighted, const ClassGradient& known);

}  // namespace fedcamae
