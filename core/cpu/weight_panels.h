// The gradient of convolution weights as panels: for every tap, blocks of a group's input channels.
#pragma once

#include <algorithm>
#include <vector>

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
void list_pixels(const ConvShape& d, int64_t images, int64_t first, int64_t count,
                 OutputPixel* pixels);
inline bool reaches(const ConvShape& d, const OutputPixel& pixel, int64_t r, int64_t s) {
  const int64_t y = pixel.y + r, x = pixel.x + s;
  return y >= 0 && y < d.h && x >= 0 && x < d.w;
}

// Pixels of the output whose `tap` is inside the image.
int64_t pixels_reaching(const ConvShape& d, int64_t tap);

// A place in the list of all taps' panels, each of which is `group_k` rows.
struct PanelCut {
  int64_t panel, row;
};
// Where the first `part` of `parts` parts of equal work end: work is the pixels that reach a tap,
// which on small images are far fewer for the taps of a border. Rows are cut into whole tiles.
PanelCut panel_cut(const ConvShape& d, int part, int parts);

// The stretches of an output channel's weights whose taps no pixel reaches.
std::vector<Range> unreached(const ConvShape& d);

// Every thread's part of dw: run(rows, panels) for output channels of a group and panels of all
// taps. Zeros where no pixel reaches a tap are written here, whatever `run` is given.
template <class T, class Run>
void share_weight_panels(const ConvShape& d, int threads, T* dw, const Run& run) {
  const std::vector<Range> none = unreached(d);
  in_parts(threads, [&](int part) {
    PanelCut begin = panel_cut(d, part, threads);
    const PanelCut end = panel_cut(d, part + 1, threads);
    if (begin.panel < end.panel && begin.row > 0) {
      run(Range{begin.row, d.group_k}, Range{begin.panel, begin.panel + 1});
      begin = {begin.panel + 1, 0};
    }
    if (begin.panel < end.panel) run(Range{0, d.group_k}, Range{begin.panel, end.panel});
    if (begin.panel < end.panel) begin = {end.panel, 0};
    if (begin.row < end.row) run(Range{begin.row, end.row}, Range{end.panel, end.panel + 1});
    const Range zeros = share(d.k, part, threads);
    for (int64_t row = zeros.begin; row < zeros.end; ++row)
      for (const Range& stretch : none)
        std::fill_n(dw + row * d.weight_row() + stretch.begin, stretch.end - stretch.begin, T{});
  });
}

// The gradient where x and dy are bfloat16, to a bfloat16 dw (conv_weight_pairs.cpp).
void weight_pairs(const ConvShape& d, ConstView dy, ConstView x, View dw, int threads);

}  // namespace fedcamae::cpu
