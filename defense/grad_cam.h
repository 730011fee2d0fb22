// Grad-CAM (Selvaraju et al., ICCV 2017), to the numbers of pytorch-grad-cam 1.4.8.
#pragma once

#include "models/cam.h"

namespace fedcamae {

// relu(sum_k w_k A_k), w_k the mean of dY_c/dA_k over the pixels; the arguments as in
// class_gradient.
CamResult grad_cam(Model& model, const Tensor& images, const std::string& layer,
                   const std::vector<int32_t>& classes = {});

}  // namespace fedcamae
