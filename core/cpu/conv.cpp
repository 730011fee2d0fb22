// Convolution and its gradient by the image: pixels against panels of packed weights.
#include <algorithm>

#include "core/cpu/conv_plan.h"
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/kernels.h"

namespace fedcamae::cpu {
namespace {

// A product of one plan: `columns` of each group of the output.
struct PixelProduct {
  const ConvPlan* plan;
  const float* from;
  int64_t from_group;  // channels of a group on the side that is read
  float* to;
  int64_t columns;  // channels of a group on the side that is written
  int64_t groups;
};

// Rows that take all blocks of a reduction before the next ones do: their part of C stays near.
constexpr int64_t kRowsAtOnce = 32 * kTileRows;

// Rows [begin, end) of one class.
void run_class(const PixelProduct& product, const PixelClass& pixels, Range rows, int64_t group,
               Range columns, const float* packed) {
  RowsPanel task{};
  task.a = product.from + group * product.from_group;
  task.b = packed;
  task.columns = columns.end - columns.begin;
  task.c = product.to + group * product.columns + columns.begin;
  for (int64_t first = rows.begin; first < rows.end; first += kRowsAtOnce) {
    task.rows = std::min(kRowsAtOnce, rows.end - first);
    task.a_offsets = pixels.from.data() + first;
    task.c_offsets = pixels.to.data() + first;
    for (size_t block = 0; block + 1 < pixels.blocks.size(); ++block) {
      task.runs = pixels.runs.data() + pixels.blocks[block];
      task.run_count = pixels.blocks[block + 1] - pixels.blocks[block];
      task.accumulate = block > 0;
      cpu_kernels().rows_panel(task);
    }
  }
}

// Runs the tiles [begin, end) of the plan's classes, taken one after the other.
void run_tiles(const PixelProduct& product, Range tiles, int64_t group, Range columns,
               const float* packed) {
  int64_t first_tile = 0;
  for (const PixelClass& pixels : product.plan->classes) {
    const int64_t count = static_cast<int64_t>(pixels.to.size());
    const int64_t begin = std::max(tiles.begin - first_tile, int64_t{0}) * kTileRows;
    const int64_t end = std::min((tiles.end - first_tile) * kTileRows, count);
    first_tile += (count + kTileRows - 1) / kTileRows;
    if (begin < end) run_class(product, pixels, {begin, end}, group, columns, packed);
  }
}

// pack(group, columns, to) writes the panel of these columns: the plan's taps one after the other.
template <class Pack>
void run_product(const PixelProduct& product, const Pack& pack, int threads) {
  const int64_t width = cpu_kernels().panel;
  const int64_t group_panels = (product.columns + width - 1) / width;
  const int64_t panels = group_panels * product.groups;
  const Grid grid = choose_grid(threads, panels, product.plan->row_tiles, 1.5);
  in_parts(threads, [&](int part) {
    const Range tiles = share(product.plan->row_tiles, part / grid.columns, grid.rows);
    const Range mine = share(panels, part % grid.columns, grid.columns);
    for (int64_t panel = mine.begin; panel < mine.end; ++panel) {
      const int64_t group = panel / group_panels;
      const int64_t begin = panel % group_panels * width;
      const Range columns{begin, std::min(begin + width, product.columns)};
      float* packed = scratch_floats(Slot::kPanel, product.plan->panel_rows() * width);
      pack(group, columns, packed);
      run_tiles(product, tiles, group, columns, packed);
    }
  });
}

}  // namespace

void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y, int threads) {
  if (y.size() == 0) return;
  const ConvShape d = conv_shape(x.shape, w.shape, y.shape, spec);
  const auto plan = forward_plan(d);
  const PixelProduct product{plan.get(), x.data, d.group_c, y.data, d.group_k, d.groups};
  const auto pack = [&](int64_t group, Range columns, float* to) {
    const float* from = w.data + (group * d.group_k + columns.begin) * d.weight_row();
    const int64_t count = columns.end - columns.begin;
    for (int64_t r : plan->tap_rows)
      for (int64_t s : plan->tap_columns) {
        cpu_kernels().pack_transposed(from + (r * d.s + s) * d.group_c, d.weight_row(), count,
                                      d.group_c, to);
        to += d.group_c * padded_columns(count);
      }
  };
  run_product(product, pack, threads);
}

void conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx, int threads) {
  if (dx.size() == 0) return;
  const ConvShape d = conv_shape(dx.shape, w.shape, dy.shape, spec);
  const auto plan = backward_data_plan(d);
  const PixelProduct product{plan.get(), dy.data, d.group_k, dx.data, d.group_c, d.groups};
  const auto pack = [&](int64_t group, Range columns, float* to) {
    const float* from = w.data + group * d.group_k * d.weight_row() + columns.begin;
    const int64_t count = columns.end - columns.begin;
    for (int64_t r : plan->tap_rows)
      for (int64_t s : plan->tap_columns) {
        cpu_kernels().pack_rows(from + (r * d.s + s) * d.group_c, d.weight_row(), nullptr, count,
                                d.group_k, to);
        to += d.group_k * padded_columns(count);
      }
  };
  run_product(product, pack, threads);
}

}  // namespace fedcamae::cpu
