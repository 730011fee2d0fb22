// LayerCAM (Jiang et al., IEEE TIP 2021), to the numbers of pytorch-grad-cam 1.4.8.
#pragma once

#include "models/cam.h"

namespace fedcamae {

// relu(sum_k relu(dY_c/dA_k) * A_k); the arguments as in class_gradient.
CamResult layer_cam(Model& model, const Tensor& images, const std::string& layer,
                    const std::vector<int32_t>& classes = {});

// pytorch-grad-cam's scaling of raw maps [N, h, w] to [N, side, side] in [0, 1]: minus the minimum,
// divided by (1e-7 + maximum), bilinear resize (half-pixel centres), then the same scaling again. A
// constant map gives zeros; a map that is not finite stays so.
Tensor scale_maps(const Tensor& raw, int64_t side);

}  // namespace fedcamae
