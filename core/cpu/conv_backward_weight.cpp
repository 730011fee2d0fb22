// The gradient of convolution weights: for every tap, a sum over the pixels whose tap is inside
// the image of outer products of dy's and x's channels.
#include <algorithm>

#include "core/cpu/conv_narrow.h"
#include "core/cpu/weight_panels.h"

namespace fedcamae::cpu {
namespace {

// Output pixels for which dy is packed once; each tap then reduces those it has, kDepth at a time.
constexpr int64_t kPixels = 256;

struct Problem {
  ConvShape d;
  const float* dy;
  const float* x;
  float* dw;
};

// dy's side for one block of pixels and a range of every group's output channels: packed where
// enough panels will read it, else in place (1.2 times as fast for the 1x1 layers of 64 channels).
class DySide {
 public:
  DySide(const Problem& p, Range rows, int64_t panels)
      : p_(p),
        rows_(rows),
        packed_(rows.end - rows.begin > 4 * kTileRows && panels > 4),
        group_size_((rows.end - rows.begin + kTileRows - 1) / kTileRows * kTileRows * kPixels) {
    if (packed_) tiles_ = scratch_floats(Slot::kTiles, group_size_ * p.d.groups);
  }
  void load(const OutputPixel* pixels, int64_t count) {
    count_ = count;
    if (!packed_) return;
    int64_t* offsets = scratch_offsets(Slot::kOffsetsA, kPixels);
    for (int64_t i = 0; i < count; ++i) offsets[i] = pixels[i].dy_from;
    for (int64_t g = 0; g < p_.d.groups; ++g)
      cpu_kernels().pack_tiles(p_.dy + g * p_.d.group_k + rows_.begin, offsets,
                               rows_.end - rows_.begin, count, tiles_ + g * group_size_);
  }
  // Where pixel i of the block is, relative to what `describe` sets as a.
  int64_t offset(int64_t i, const OutputPixel& pixel) const {
    return packed_ ? i * kTileRows : pixel.dy_from;
  }
  void describe(int64_t group, OuterPanel& task) const {
    task.rows = rows_.end - rows_.begin;
    task.a = packed_ ? tiles_ + group * group_size_ : p_.dy + group * p_.d.group_k + rows_.begin;
    task.a_tile = packed_ ? count_ * kTileRows : kTileRows;
  }

 private:
  const Problem& p_;
  Range rows_;
  bool packed_;
  int64_t group_size_;
  int64_t count_ = 0;
  float* tiles_ = nullptr;
};

float* dw_at(const Problem& p, int64_t tap, const WeightPanel& panel, int64_t row) {
  return p.dw + offset_in_dw(p.d, tap, panel, row);
}

// One panel over up to kDepth pixels; task has dy's side, the pixels' offsets and the output.
void tap_panel(const Problem& p, const WeightPanel& panel, const float* x, const int64_t* x_offsets,
               OuterPanel& task) {
  const CpuKernels& kernels = cpu_kernels();
  const float* from = x + panel.group * p.d.group_c + panel.channels.begin;
  task.columns = panel.columns();
  const bool whole = task.columns % kernels.vector == 0;
  if (whole && (p.d.c <= kernels.panel || task.rows <= 4 * kTileRows)) {
    task.b = from;
    task.b_offsets = x_offsets;
  } else {
    float* packed = scratch_floats(Slot::kPanel, kDepth * kernels.panel);
    kernels.pack_rows(from, 0, x_offsets, task.columns, task.steps, packed);
    task.b = packed;
    task.b_offsets = nullptr;
    task.b_stride = padded_columns(task.columns);
  }
  kernels.outer_panel(task);
}

// Panels [begin, end) of one tap over a block of pixels. Returns whether dw has been written.
bool tap_panels(const Problem& p, int64_t tap, Range panels, Range rows, const DySide& dy,
                const OutputPixel* pixels, int64_t count, bool accumulate) {
  const ConvShape& d = p.d;
  const int64_t r = tap / d.s;
  const int64_t s = tap % d.s;
  int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kPixels);
  int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kPixels);
  int64_t valid = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!reaches(d, pixels[i], r, s)) continue;
    dy_offsets[valid] = dy.offset(i, pixels[i]);
    x_offsets[valid++] = pixels[i].x_from;
  }
  OuterPanel task{};
  task.c_stride = d.weight_row();
  for (int64_t first = 0; first < valid; first += kDepth) {
    task.a_offsets = dy_offsets + first;
    task.steps = std::min(kDepth, valid - first);
    task.accumulate = accumulate || first > 0;
    for (int64_t i = panels.begin; i < panels.end; ++i) {
      const WeightPanel panel = panel_at(d, i);
      dy.describe(panel.group, task);
      task.c = dw_at(p, tap, panel, rows.begin);
      tap_panel(p, panel, p.x + (r * d.w + s) * d.c, x_offsets + first, task);
    }
  }
  return accumulate || valid > 0;
}

// Panels [begin, end) of all taps, one tap after the other.
void run_panels(const Problem& p, Range mine, Range rows) {
  const int64_t tap_size = panels_of_tap(p.d);
  const int64_t taps = p.d.r * p.d.s;
  bool* written = scratch_of<bool>(Slot::kRuns, taps);
  std::fill_n(written, taps, false);
  OutputPixel* pixels = scratch_of<OutputPixel>(Slot::kPixels, kPixels);
  const int64_t total = p.d.n * p.d.oh * p.d.ow;
  const auto of_tap = [&](int64_t tap) { return panels_in_tap(p.d, mine, tap); };
  DySide dy(p, rows, mine.end - mine.begin);
  for (int64_t first = 0; first < total; first += kPixels) {
    const int64_t count = std::min(kPixels, total - first);
    list_pixels(p.d, 1, first, count, pixels);
    dy.load(pixels, count);
    for (int64_t tap = mine.begin / tap_size; tap * tap_size < mine.end; ++tap)
      written[tap] = tap_panels(p, tap, of_tap(tap), rows, dy, pixels, count, written[tap]);
  }
}

}  // namespace

void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw, int threads) {
  if (dw.size() == 0) return;
  const ConvShape d = conv_shape(x.shape, dw.shape, dy.shape, spec);
  if (is_narrow(d) && dy.size() > 0)
    return d.groups == 1 ? stem_backward_weight(d, dy, x, dw, threads)
                         : narrow_groups_backward_weight(d, dy, x, dw, threads);
  if (dw.type == ElementType::kBfloat16) return weight_pairs(d, dy, x, dw, threads);
  const Problem problem{d, dy.data, x.data, dw.data};
  share_weight_panels(d, threads, problem.dw,
                      [&](Range rows, Range panels) { run_panels(problem, panels, rows); });
}

}  // namespace fedcamae::cpu
