// The gradient of convolution weights as panels: for every tap, blocks of a group's input channels.
#pragma once

#include <algorithm>

#include "core/cpu/conv_plan.h"
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/kernels.h"

namespace fedcamae::cpu {

// Panels are counted over groups and, inside one, blocks of channels.
struct WeightPanel {
  int64_t group;
  Range channels;
  int64_t columns() const { return channels.end - channels.begin; }
};
inline int64_t panels_of_tap(const ConvShape& d) {
  const int64_t width = cpu_kernels().panel;
  return d.groups * ((d.group_c + width - 1) / width);
}
inline WeightPanel panel_at(const ConvShape& d, int64_t index) {
  const int64_t width = cpu_kernels().panel;
  const int64_t per_group = (d.group_c + width - 1) / width;
  const int64_t first = index % per_group * width;
  return {index / per_group, {first, std::min(first + width, d.group_c)}};
}
// Where a row (an output channel of the group) of the panel begins in dw.
inline int64_t offset_in_dw(const ConvShape& d, int64_t tap, const WeightPanel& panel,
                            int64_t row) {
  return (panel.group * d.group_k + row) * d.weight_row() + tap * d.group_c + panel.channels.begin;
}
// The panels of `tap` among the panels `mine` of all taps, one tap after the other.
inline Range panels_in_tap(const ConvShape& d, Range mine, int64_t tap) {
  const int64_t count = panels_of_tap(d);
  return {std::max(mine.begin - tap * count, int64_t{0}), std::min(mine.end - tap * count, count)};
}

// What is summed over: a pixel of the output, or the same one of several images.
struct OutputPixel {
  int64_t y, x;     // in the input, of tap (0, 0): may lie outside
  int64_t dy_from;  // offset in dy
  int64_t x_from;   // offset in x of tap (0, 0)
};
// Pixels [first, first + count) of every `images`-th image of the batch, one after the other.
inline void list_pixels(const ConvShape& d, int64_t images, int64_t first, int64_t count,
                        OutputPixel* pixels) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t n = (first + i) / (d.oh * d.ow) * images;
    const int64_t at = (first + i) % (d.oh * d.ow);
    const int64_t y = at / d.ow * d.stride - d.padding;
    const int64_t x = at % d.ow * d.stride - d.padding;
    pixels[i] = {y, x, (n * d.oh * d.ow + at) * d.k, ((n * d.h + y) * d.w + x) * d.c};
  }
}
inline bool reaches(const ConvShape& d, const OutputPixel& pixel, int64_t r, int64_t s) {
  const int64_t y = pixel.y + r, x = pixel.x + s;
  return y >= 0 && y < d.h && x >= 0 && x < d.w;
}

// run(rows, panels) for the part of each thread: output channels of a group, panels of all taps.
template <class Run>
void share_weight_panels(const ConvShape& d, int threads, const Run& run) {
  share_product(threads, d.group_k, d.r * d.s * panels_of_tap(d), run);
}

// The gradient where x and dy are bfloat16, to a bfloat16 dw (conv_weight_pairs.cpp).
void weight_pairs(const ConvShape& d, ConstView dy, ConstView x, View dw, int threads);

}  // namespace fedcamae::cpu
