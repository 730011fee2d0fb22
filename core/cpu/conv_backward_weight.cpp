// The gradient of convolution weights: for every tap, a sum over the pixels whose tap is inside
// the image of outer products of dy's and x's channels.
#include <algorithm>

#include "core/cpu/conv_plan.h"
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/kernels.h"

namespace fedcamae::cpu {
namespace {

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

  // Offsets in dy and in x (of tap (0, 0), which may lie outside) of the next pixels, up to kDepth.
  // visit(n, oh, ow) sees each of them.
  template <class Visit>
  int64_t next(int64_t* dy, int64_t* x, const Visit& visit) {
    int64_t count = 0;
    for (; count < kDepth && !done(); ++count) {
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
// Columns of dw in the flat [r][s][c] of one group.
struct Panel {
  int64_t group;
  Range columns;
};

int64_t padded_width(int64_t columns) {
  const int64_t vector = cpu_kernels().vector;
  return (columns + vector - 1) / vector * vector;
}

float* dw_at(const Problem& p, const Panel& panel, int64_t row) {
  return p.dw + (panel.group * p.d.group_k + row) * p.d.weight_row() + panel.columns.begin;
}

// dy's side of the product for one group and block of pixels: packed where enough panels or rows
// will read it, else in place.
class DySide {
 public:
  DySide(const Problem& p, Range rows) : p_(p), rows_(rows) {
    const int64_t count = rows.end - rows.begin;
    packed_ = count > 4 * kTileRows;
    if (packed_)
      tiles_ =
          scratch_floats(Slot::kTiles, (count + kTileRows - 1) / kTileRows * kTileRows * kDepth);
  }
  void load(int64_t group, const int64_t* offsets, int64_t steps, OuterPanel& task) {
    const float* dy = p_.dy + group * p_.d.group_k + rows_.begin;
    task.rows = rows_.end - rows_.begin;
    if (packed_) cpu_kernels().pack_tiles(dy, offsets, task.rows, steps, tiles_);
    task.a = packed_ ? tiles_ : dy;
    task.a_tile = packed_ ? steps * kTileRows : kTileRows;
    task.a_stride = kTileRows;
    task.a_offsets = packed_ ? nullptr : offsets;
    task.steps = steps;
    task.c_stride = p_.d.weight_row();
  }

 private:
  const Problem& p_;
  Range rows_;
  bool packed_;
  float* tiles_ = nullptr;
};

// Where the panels of one tap are: `panels` counts groups and, inside one, blocks of channels.
struct TapPanels {
  int64_t tap;
  Range panels;
  Panel panel(const ConvShape& d, int64_t index) const {
    const int64_t width = cpu_kernels().panel;
    const int64_t per_group = (d.group_c + width - 1) / width;
    const int64_t first = index % per_group * width;
    return {index / per_group,
            {tap * d.group_c + first, tap * d.group_c + std::min(first + width, d.group_c)}};
  }
};

void zero_panels(const Problem& p, const TapPanels& taps, Range rows) {
  for (int64_t i = taps.panels.begin; i < taps.panels.end; ++i) {
    const Panel panel = taps.panel(p.d, i);
    const int64_t count = panel.columns.end - panel.columns.begin;
    for (int64_t row = rows.begin; row < rows.end; ++row)
      std::fill_n(dw_at(p, panel, row), count, 0.0f);
  }
}

// One panel of a tap over one block of pixels.
void tap_panel(const Problem& p, const Panel& panel, const float* x, const int64_t* x_offsets,
               OuterPanel& task) {
  const CpuKernels& kernels = cpu_kernels();
  const ConvShape& d = p.d;
  const float* from = x + panel.group * d.group_c + panel.columns.begin % d.group_c;
  task.columns = panel.columns.end - panel.columns.begin;
  const bool whole = task.columns % kernels.vector == 0;
  const bool direct = whole && (d.c <= kernels.panel || task.rows <= 4 * kTileRows);
  float* packed = scratch_floats(Slot::kPanel, kDepth * kernels.panel);
  if (!direct) kernels.pack_rows(from, 0, x_offsets, task.columns, task.steps, packed);
  task.b = direct ? from : packed;
  task.b_offsets = direct ? x_offsets : nullptr;
  task.b_stride = padded_width(task.columns);
  kernels.outer_panel(task);
}

void tap_panels(const Problem& p, const TapPanels& taps, Range rows) {
  const ConvShape& d = p.d;
  const int64_t r = taps.tap / d.s;
  const int64_t s = taps.tap % d.s;
  int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kDepth);
  int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kDepth);
  Pixels pixels(d, valid_outputs(d.h, d.oh, d.stride, d.padding, r),
                valid_outputs(d.w, d.ow, d.stride, d.padding, s));
  if (pixels.done()) return zero_panels(p, taps, rows);
  DySide dy(p, rows);
  OuterPanel task{};
  while (!pixels.done()) {
    const int64_t steps = pixels.next(dy_offsets, x_offsets, [](int64_t, int64_t, int64_t) {});
    int64_t group = -1;
    for (int64_t i = taps.panels.begin; i < taps.panels.end; ++i) {
      const Panel panel = taps.panel(d, i);
      if (panel.group != group) dy.load(panel.group, dy_offsets, steps, task);
      group = panel.group;
      task.c = dw_at(p, panel, rows.begin);
      tap_panel(p, panel, p.x + (r * d.w + s) * d.c, x_offsets, task);
    }
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
  int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kDepth);
  int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kDepth);
  float* packed = scratch_floats(Slot::kPanel, kDepth * kernels.panel);
  DySide dy(p, rows);
  OuterPanel task{};
  task.columns = panel.columns.end - panel.columns.begin;
  task.c = dw_at(p, panel, rows.begin);
  task.b = packed;
  task.b_stride = padded_width(task.columns);
  std::fill_n(packed, kDepth * task.b_stride, 0.0f);
  Pixels pixels(p.d, {0, p.d.oh}, {0, p.d.ow});
  while (!pixels.done()) {
    const int64_t steps =
        pixels.next(dy_offsets, x_offsets, [&](int64_t i, int64_t oh, int64_t ow) {
          pack_neighbourhood(p, panel, oh, ow, p.x + x_offsets[i], packed + i * task.b_stride);
        });
    dy.load(panel.group, dy_offsets, steps, task);
    kernels.outer_panel(task);
    task.accumulate = true;
  }
}

// Panels [begin, end) of all: taps one after the other, or the flat panels of all groups.
void run_panels(const Problem& p, bool flat, Range mine, Range rows) {
  const int64_t width = cpu_kernels().panel;
  const int64_t span = flat ? p.d.weight_row() : p.d.group_c;
  const int64_t span_panels = (span + width - 1) / width;
  for (int64_t i = mine.begin; i < mine.end;) {
    if (flat) {
      const int64_t first = i % span_panels * width;
      flat_panel(p, {i / span_panels, {first, std::min(first + width, span)}}, rows);
      ++i;
    } else {
      const int64_t tap_size = p.d.groups * span_panels;
      const int64_t tap = i / tap_size;
      const int64_t end = std::min((tap + 1) * tap_size, mine.end);
      tap_panels(p, {tap, {i - tap * tap_size, end - tap * tap_size}}, rows);
      i = end;
    }
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
  const int64_t panels = flat ? d.groups * ((d.weight_row() + width - 1) / width)
                              : d.groups * d.r * d.s * ((d.group_c + width - 1) / width);
  const int64_t tiles = (d.group_k + kTileRows - 1) / kTileRows;
  const Grid grid = choose_grid(threads, panels, tiles, 1.5);
  in_parts(threads, [&](int part) {
    const Range tile_share = share(tiles, part / grid.columns, grid.rows);
    const Range rows{tile_share.begin * kTileRows, std::min(tile_share.end * kTileRows, d.group_k)};
    const Range mine = share(panels, part % grid.columns, grid.columns);
    if (rows.begin < rows.end) run_panels(problem, flat, mine, rows);
  });
}

}  // namespace fedcamae::cpu
