// The gradient of the weights where a tap has too few channels to fill a panel (a stem on RGB
// images, depthwise): whole neighbourhoods, cut from an image padded with zeros, are the columns.
#pragma once

#include "core/cpu/conv_plan.h"

namespace fedcamae::cpu {

inline bool is_narrow(const ConvShape& d) { return d.group_c < 16 && d.r * d.s > 1; }
// All of one type; bfloat16 is widened an image at a time.
void narrow_backward_weight(const ConvShape& d, ConstView dy, ConstView x, View dw, int threads);

}  // namespace fedcamae::cpu
