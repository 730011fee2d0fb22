#include "core/cpu/conv_narrow.h"
#include "core/cpu/gemm_parallel.h"

namespace fedcamae::cpu {
namespace {

// Floats behind a buffer that whole vectors may touch.
constexpr int64_t kSlack = 64;

struct Problem {
  const ConvShape& d;
  ConstView dy, x;
  float* dw;  // float32
  int64_t padded_h() const { return d.h + 2 * d.padding; }
  int64_t padded_w() const { return d.w + 2 * d.padding; }
};

// Image n with its border of zeros.
void pad_image(const Problem& p, int64_t n, float* to) {
  const int64_t row = p.padded_w() * p.d.c;
  std::fill_n(to, p.padded_h() * row + kSlack, 0.0f);
  for (int64_t y = 0; y < p.d.h; ++y)
    copy_widened(p.x, (n * p.d.h + y) * p.d.w * p.d.c, p.d.w * p.d.c,
                 to + (y + p.d.padding) * row + p.d.padding * p.d.c);
}

// dy of image n.
const float* dy_of_image(const Problem& p, int64_t n) {
  const int64_t size = p.d.oh * p.d.ow * p.d.k;
  if (p.dy.type == ElementType::kFloat32) return p.dy.data + n * size;
  float* wide = scratch_floats(Slot::kEvenA, size);
  copy_widened(p.dy, n * size, size, wide);
  return wide;
}

// The neighbourhood of a pixel as equal stretches of the padded image.
struct Neighbourhood {
  int64_t* runs;
  int64_t count;
  int64_t length;
};
Neighbourhood neighbourhood(const Problem& p) {
  const ConvShape& d = p.d;
  Neighbourhood made{scratch_offsets(Slot::kRuns, d.r * d.s), 0, d.group_c};
  for (int64_t r = 0; r < d.r; ++r)
    for (int64_t s = 0; s < d.s; ++s) made.runs[made.count++] = (r * p.padded_w() + s) * d.c;
  return made;
}

// One block of an image's output pixels for one group.
void run_block(const Problem& p, int64_t group, Range rows, const float* dy, const float* image,
               const Neighbourhood& around, Range pixels, bool accumulate) {
  const CpuKernels& kernels = cpu_kernels();
  const ConvShape& d = p.d;
  const int64_t steps = pixels.end - pixels.begin;
  const int64_t width = padded_columns(d.weight_row());
  int64_t* dy_offsets = scratch_offsets(Slot::kOffsetsA, kDepth);
  int64_t* x_offsets = scratch_offsets(Slot::kOffsetsB, kDepth);
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t pixel = pixels.begin + i;
    dy_offsets[i] = pixel * d.k;
    x_offsets[i] = (pixel / d.ow * d.stride * p.padded_w() + pixel % d.ow * d.stride) * d.c;
  }
  const int64_t count = rows.end - rows.begin;
  float* tiles = scratch_floats(Slot::kTiles, (count + kTileRows) * kDepth);
  float* packed = scratch_floats(Slot::kPanel, kDepth * width + kSlack);
  kernels.pack_tiles(dy + group * d.group_k + rows.begin, dy_offsets, count, steps, tiles);
  kernels.pack_runs(image + group * d.group_c, x_offsets, steps, around.runs, around.count,
                    around.length, packed, width);
  OuterPanel task{};
  task.a = tiles;
  task.a_tile = steps * kTileRows;
  task.a_stride = kTileRows;
  task.rows = count;
  task.b_stride = width;
  task.steps = steps;
  task.c_stride = d.weight_row();
  task.accumulate = accumulate;
  for (int64_t j = 0; j < d.weight_row(); j += kernels.panel) {
    task.b = packed + j;
    task.columns = std::min(kernels.panel, d.weight_row() - j);
    task.c = p.dw + (group * d.group_k + rows.begin) * d.weight_row() + j;
    kernels.outer_panel(task);
  }
}

void run_groups(const Problem& p, Range groups, Range rows) {
  const ConvShape& d = p.d;
  float* image = scratch_floats(Slot::kImage, p.padded_h() * p.padded_w() * d.c + kSlack);
  const Neighbourhood around = neighbourhood(p);
  const int64_t pixels = d.oh * d.ow;
  for (int64_t n = 0; n < d.n; ++n) {
    pad_image(p, n, image);
    const float* dy = dy_of_image(p, n);
    for (int64_t group = groups.begin; group < groups.end; ++group)
      for (int64_t first = 0; first < pixels; first += kDepth)
        run_block(p, group, rows, dy, image, around, {first, std::min(first + kDepth, pixels)},
                  n > 0 || first > 0);
  }
}

}  // namespace

void narrow_groups_backward_weight(const ConvShape& d, ConstView dy, ConstView x, View dw,
                                   int threads) {
  const bool rounds = dw.type == ElementType::kBfloat16;
  const Problem problem{d, dy, x, rounds ? scratch_floats(Slot::kEvenB, dw.size()) : dw.data};
  const int64_t tiles = (d.group_k + kTileRows - 1) / kTileRows;
  const Grid grid = choose_grid(threads, d.groups, tiles, 1.5);
  in_parts(threads, [&](int part) {
    const Range tile_share = share(tiles, part / grid.columns, grid.rows);
    const Range rows{tile_share.begin * kTileRows, std::min(tile_share.end * kTileRows, d.group_k)};
    const Range groups = share(d.groups, part % grid.columns, grid.columns);
    if (rows.begin < rows.end && groups.begin < groups.end) run_groups(problem, groups, rows);
  });
  if (rounds) cpu_kernels().round_row(problem.dw, dw.size(), halves(dw));
}

}  // namespace fedcamae::cpu
