// The gradient of convolution weights: for every tap, a sum over the pixels whose tap is inside
// the image of outer products of dy's and x's channels.
#include <algorithm>
#include <cstring>

#include "core/cpu/conv_plan.h"
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/kernels.h"

namespace fedcamae::cpu {
namespace {

// Pixels reduced between two visits of a tile of dw: their packed panel stays in the L1 cache.
constexpr int64_t kBlock = 128;

// Fewer channels than this make a panel too narrow for one tap: such panels run over the flat
// [r][s][c] and hold zeros where a tap is outside the image.
constexpr int64_t kNarrow = 16;

// The outputs o of [0, out) with 0 <= o * stride - padding + tap < in.
Range valid_outputs(int64_t in, int64_t out, int64_t stride, int64_t padding, int64_t tap) {
  const int64_t first = std::max<int64_t>(0, (padding - tap + stride - 1) / stride);
  const int64_t reach = in - 1 + padding - tap;  // largest o * stride
  const int64_t end = reach < 0 ? 0 : std::min(out, reach / stride + 1);
  return {std::min(first, end), end};
}

// Walks the output pixels of a rectangle of every image, block after block.
class Pixels {
 public:
  Pixels(const ConvShape& d, Range rows, Range columns)
      : d_(d), rows_(rows), columns_(columns), y_(rows.begin), x_(columns.begin) {
    if (rows.begin >= rows.end || columns.begin >= columns.end) n_ = d.n;
  }
  bool done() const { return n_ == d_.n; }

  // Offsets in dy and in x (of tap (0, 0), which may lie outside) of the next pixels, up to kBlock.
  // visit(n, oh, ow) sees each of them.
  template <class Visit>
  int64_t next(int64_t* dy, int64_t* x, const Visit& visit) {
    int64_t count = 0;
    for (; count < kBlock && !done(); ++count) {
      dy[count] = ((n_ * d_.oh + y_) * d_.ow + x_) * d_.k;
      x[count] =
          ((n_ * d_.h + y_ * d_.stride - d_.padding) * d_.w + x_ * d_.stride - d_.padding) * d_.c;
      visit(count, y_, x_);
      advance();
    }
    return count;
  }

 private:
  void advance() {
    if (++x_ < columns_.end) return;
    x_ = columns_.begin;
    if (++y_ < rows_.end) return;
    y_ = rows_.begin;
    ++n_;
  }

  const ConvShape& d_;
  Range rows_, columns_;
  int64_t n_ = 0, y_, x_;
};

struct Problem {
  ConvShape d;
  const float* dy;
  const float* x;
  float* dw;
};
// Columns of dw for one group; where they belong to one tap, its place.
struct Panel {
  int64_t group;
  Range columns;  // in the flat [r][s][c] of the group
};

void zero_columns(const Problem& p, const Panel& panel, Range rows) {
  for (int64_t k = rows.begin; k < rows.end; ++k)
    std::memset(p.dw + (panel.group * p.d.group_k + k) * p.d.weight_row() + panel.columns.begin, 0,
                static_cast<size_t>(panel.columns.end - panel.columns.begin) * sizeof(float));
}

OuterPanel outer_task(const Problem& p, const Panel& panel, Range rows, const int64_t* dy_offsets) {
  OuterPanel task{};
  task.a = p.dy + panel.group * p.d.group_k + rows.begin;
  task.a_offsets = dy_offsets;
  task.rows = rows.end - rows.begin;
  task.columns = panel.columns.end - panel.columns.begin;
  task.c = p.dw + (panel.group * p.d.group_k + rows.begin) * p.d.weight_row() + panel.columns.begin;
  task.c_stride = p.d.weight_row();
  return task;
}

// All columns belong to tap (r, s).
void tap_panel(const Problem& p, const Panel& panel, Range rows) {
  const CpuKernels& kernels = cpu_kernels();
  const ConvShape& d = p.d;
  const int64_t tap = panel.columns.begin / d.group_c;
  const int64_t r = tap / d.s;
  const int64_t s = tap % d.s;
  const float* x =
      p.x + (r * d.w + s) * d.c + panel.group * d.group_c + panel.columns.begin % d.group_c;
  int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kBlock);
  int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kBlock);
  float* packed = scratch_floats(Slot::kPanel, kBlock * kernels.panel);
  Pixels pixels(d, valid_outputs(d.h, d.oh, d.stride, d.padding, r),
                valid_outputs(d.w, d.ow, d.stride, d.padding, s));
  if (pixels.done()) return zero_columns(p, panel, rows);
  OuterPanel task = outer_task(p, panel, rows, dy_offsets);
  const bool whole = task.columns % kernels.vector == 0;
  const bool direct = whole && (d.c <= kernels.panel || task.rows <= 4 * kTileRows);
  task.b = direct ? x : packed;
  task.b_offsets = direct ? x_offsets : nullptr;
  task.b_stride = (task.columns + kernels.vector - 1) / kernels.vector * kernels.vector;
  while (!pixels.done()) {
    task.steps = pixels.next(dy_offsets, x_offsets, [](int64_t, int64_t, int64_t) {});
    if (!direct) kernels.pack_rows(x, 0, x_offsets, task.columns, task.steps, packed);
    kernels.outer_panel(task);
    task.accumulate = true;
  }
}

// Copies columns [begin, end) of the flat [r][s][c] neighbourhood of one output pixel.
void pack_neighbourhood(const Problem& p, const Panel& panel, int64_t oh, int64_t ow,
                        const float* x, float* to) {
  const ConvShape& d = p.d;
  for (int64_t j = panel.columns.begin; j < panel.columns.end;) {
    const int64_t tap = j / d.group_c;
    const int64_t r = tap / d.s;
    const int64_t s = tap % d.s;
    const int64_t end = std::min((tap + 1) * d.group_c, panel.columns.end);
    const int64_t y_in = oh * d.stride - d.padding + r;
    const int64_t x_in = ow * d.stride - d.padding + s;
    const bool inside = y_in >= 0 && y_in < d.h && x_in >= 0 && x_in < d.w;
    const float* from = x + (r * d.w + s) * d.c + panel.group * d.group_c - tap * d.group_c;
    for (; j < end; ++j) *to++ = inside ? from[j] : 0.0f;
  }
}

void flat_panel(const Problem& p, const Panel& panel, Range rows) {
  const CpuKernels& kernels = cpu_kernels();
  int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kBlock);
  int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kBlock);
  float* packed = scratch_floats(Slot::kPanel, kBlock * kernels.panel);
  OuterPanel task = outer_task(p, panel, rows, dy_offsets);
  task.b = packed;
  task.b_stride = (task.columns + kernels.vector - 1) / kernels.vector * kernels.vector;
  std::memset(packed, 0, static_cast<size_t>(kBlock * task.b_stride) * sizeof(float));
  Pixels pixels(p.d, {0, p.d.oh}, {0, p.d.ow});
  while (!pixels.done()) {
    task.steps = pixels.next(dy_offsets, x_offsets, [&](int64_t i, int64_t oh, int64_t ow) {
      pack_neighbourhood(p, panel, oh, ow, p.x + x_offsets[i], packed + i * task.b_stride);
    });
    kernels.outer_panel(task);
    task.accumulate = true;
  }
}

}  // namespace

void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw, int threads) {
  if (dw.size() == 0) return;
  const ConvShape d = conv_shape(x.shape, dw.shape, dy.shape, spec);
  if (dy.size() == 0) {
    std::fill(dw.data, dw.data + dw.size(), 0.0f);
    return;
  }
  const Problem problem{d, dy.data, x.data, dw.data};
  const bool flat = d.group_c < kNarrow && d.r * d.s > 1;
  const int64_t width = cpu_kernels().panel;
  // A flat panel runs over all taps of a group, another over the channels of one tap.
  const int64_t span = flat ? d.weight_row() : d.group_c;
  const int64_t spans = flat ? d.groups : d.groups * d.r * d.s;
  const int64_t span_panels = (span + width - 1) / width;
  const int64_t tiles = (d.group_k + kTileRows - 1) / kTileRows;
  const Grid grid = choose_grid(threads, spans * span_panels, tiles, 1.5);
  in_parts(threads, [&](int part) {
    const Range tile_share = share(tiles, part / grid.columns, grid.rows);
    const Range rows{tile_share.begin * kTileRows, std::min(tile_share.end * kTileRows, d.group_k)};
    const Range mine = share(spans * span_panels, part % grid.columns, grid.columns);
    if (rows.begin >= rows.end) return;
    for (int64_t i = mine.begin; i < mine.end; ++i) {
      const int64_t at = i / span_panels;
      const int64_t group = flat ? at : at / (d.r * d.s);
      const int64_t base = flat ? 0 : at % (d.r * d.s) * span;
      const int64_t begin = i % span_panels * width;
      const Panel panel{group, {base + begin, base + std::min(begin + width, span)}};
      flat ? flat_panel(problem, panel, rows) : tap_panel(problem, panel, rows);
    }
  });
}

}  // namespace fedcamae::cpu
