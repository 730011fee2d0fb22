// The gradient of the weights where a tap has too few channels to fill a panel. All tensors of one
// type; bfloat16 is widened an image at a time.
#pragma once

#include <algorithm>

#include "core/cpu/conv_plan.h"
#include "core/cpu/kernels.h"
#include "core/cpu/pairs.h"

namespace fedcamae::cpu {

inline bool is_narrow(const ConvShape& d) { return d.group_c < 16 && d.r * d.s > 1; }

// One group (a stem on RGB images): dy's channels are the columns, and the rows are neighbourhoods,
// read as they lie in an image padded with zeros.
void stem_backward_weight(const ConvShape& d, ConstView dy, ConstView x, View dw, int threads);

// Several (depthwise), each of few outputs: whole neighbourhoods, cut from an image padded with
// zeros, are the columns.
void narrow_groups_backward_weight(const ConvShape& d, ConstView dy, ConstView x, View dw,
                                   int threads);

inline void copy_widened(const ConstView& from, int64_t offset, int64_t count, float* to) {
  if (from.type == ElementType::kBfloat16)
    cpu_kernels().widen_row(halves(from) + offset, count, to);
  else
    std::copy_n(from.data + offset, count, to);
}

}  // namespace fedcamae::cpu
