// Convolution and its gradient by the image: pixels against panels of packed weights.
#include <algorithm>

#include "core/cpu/conv_plan.h"
#include "core/cpu/gemm_parallel.h"
#include "core/cpu/kernels.h"
#include "core/cpu/pairs.h"

namespace fedcamae::cpu {
namespace {

// A product of one plan: `columns` of each group of the output. Where the numbers are bfloat16,
// what is read is pairs of channels: the plan, `from` and `from_group` count these.
struct PixelProduct {
  const ConvPlan* plan;
  const float* from;
  int64_t from_group;  // channels of a group on the side that is read
  View to;
  int64_t columns;  // channels of a group on the side that is written
  int64_t groups;
  bool pairs() const { return to.type == ElementType::kBfloat16; }
};

// Columns of a group: packed, or to be packed by the first product from rows `stride` apart.
struct Panel {
  int64_t group;
  Range columns;
  float* packed;
  const float* unpacked;
  int64_t stride;
};

// Rows [begin, end) of one class.
void run_class(const PixelProduct& product, const PixelClass& pixels, Range rows, Panel& panel) {
  const CpuKernels& kernels = cpu_kernels();
  const auto kernel = product.pairs() ? kernels.rows_panel_pairs : kernels.rows_panel;
  const int64_t column = panel.group * product.columns + panel.columns.begin;
  RowsPanel task{};
  task.a = product.from + panel.group * product.from_group;
  task.b = task.packed = panel.packed;
  task.unpacked_stride = panel.stride;
  task.columns = panel.columns.end - panel.columns.begin;
  task.c = product.to.data + column;
  if (product.pairs()) {  // sums of all blocks but the last
    task.c = scratch_floats(Slot::kSums, kRowsAtOnce * kernels.panel);
    task.c_stride = kernels.panel;
  }
  for (int64_t first = rows.begin; first < rows.end; first += kRowsAtOnce) {
    task.rows = std::min(kRowsAtOnce, rows.end - first);
    task.a_offsets = pixels.from.data() + first;
    task.unpacked = panel.unpacked;
    task.rounded = nullptr;
    (product.pairs() ? task.rounded_offsets : task.c_offsets) = pixels.to.data() + first;
    for (size_t block = 0; block + 1 < pixels.blocks.size(); ++block) {
      task.runs = pixels.runs.data() + pixels.blocks[block];
      task.run_count = pixels.blocks[block + 1] - pixels.blocks[block];
      task.accumulate = block > 0;
      if (product.pairs() && block + 2 == pixels.blocks.size())
        task.rounded = halves(product.to) + column;
      kernel(task);
    }
    if (!pixels.runs.empty()) panel.unpacked = nullptr;
  }
}

// Runs the tiles [begin, end) of the plan's classes, taken one after the other.
void run_tiles(const PixelProduct& product, Range tiles, Panel panel) {
  int64_t first_tile = 0;
  for (const PixelClass& pixels : product.plan->classes) {
    const int64_t count = static_cast<int64_t>(pixels.to.size());
    const int64_t begin = std::max(tiles.begin - first_tile, int64_t{0}) * kTileRows;
    const int64_t end = std::min((tiles.end - first_tile) * kTileRows, count);
    first_tile += (count + kTileRows - 1) / kTileRows;
    if (begin < end) run_class(product, pixels, {begin, end}, panel);
  }
}

// pack(panel) writes panel.packed, the plan's taps one after the other, or says where they are.
template <class Pack>
void run_product(const PixelProduct& product, const Pack& pack, int threads) {
  const int64_t width = cpu_kernels().panel;
  const int64_t group_panels = (product.columns + width - 1) / width;
  const int64_t panels = group_panels * product.groups;
  const Grid grid = choose_grid(threads, panels, product.plan->row_tiles, 1.5);
  in_parts(threads, [&](int part) {
    const Range tiles = share(product.plan->row_tiles, part / grid.columns, grid.rows);
    const Range mine = share(panels, part % grid.columns, grid.columns);
    for (int64_t index = mine.begin; index < mine.end; ++index) {
      const int64_t begin = index % group_panels * width;
      Panel panel{};
      panel.group = index / group_panels;
      panel.columns = {begin, std::min(begin + width, product.columns)};
      panel.packed = scratch_floats(Slot::kPanel, product.plan->panel_rows() * width);
      pack(panel);
      run_tiles(product, tiles, panel);
    }
  });
}

}  // namespace

void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y, int threads) {
  if (y.size() == 0) return;
  ConvShape d = conv_shape(x.shape, w.shape, y.shape, spec);
  if (y.type == ElementType::kBfloat16) {  // from here on a channel of x and w is a pair
    x.data = even_blocks(Slot::kEvenA, x, d.group_c);
    w.data = even_blocks(Slot::kEvenB, w, d.group_c);
    d.group_c = (d.group_c + 1) / 2;
    d.c = d.groups * d.group_c;
  }
  const auto plan = forward_plan(d);
  const PixelProduct product{plan.get(), x.data, d.group_c, y, d.group_k, d.groups};
  const auto pack = [&](const Panel& panel) {
    const float* from = w.data + (panel.group * d.group_k + panel.columns.begin) * d.weight_row();
    const int64_t count = panel.columns.end - panel.columns.begin;
    float* to = panel.packed;
    if (plan->panel_rows() == d.weight_row())  // every tap is used: a row as it lies
      return cpu_kernels().pack_transposed(from, d.weight_row(), count, d.weight_row(), to);
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
  const ConvShape whole = conv_shape(dx.shape, w.shape, dy.shape, spec);
  const bool pairs = dx.type == ElementType::kBfloat16;
  ConvShape d = whole;
  if (pairs) {  // from here on a channel of dy is a pair
    dy.data = even_blocks(Slot::kEvenA, dy, d.group_k);
    d.group_k = (d.group_k + 1) / 2;
    d.k = d.groups * d.group_k;
  }
  const auto plan = backward_data_plan(d);
  const PixelProduct product{plan.get(), dy.data, d.group_k, dx, d.group_c, d.groups};
  const bool one_tap = plan->tap_rows.size() * plan->tap_columns.size() == 1;
  const auto pack = [&](Panel& panel) {
    const int64_t row = d.weight_row(), count = panel.columns.end - panel.columns.begin;
    float* to = panel.packed;
    for (int64_t r : plan->tap_rows)
      for (int64_t s : plan->tap_columns) {
        const int64_t from =
            panel.group * whole.group_k * row + panel.columns.begin + (r * d.s + s) * d.group_c;
        if (pairs) {
          cpu_kernels().pack_row_pairs(halves(w) + from, 2 * row, nullptr, row, whole.group_k / 2,
                                       count, d.group_k, to);
        } else if (one_tap) {
          panel.unpacked = w.data + from;
          panel.stride = row;
        } else {
          cpu_kernels().pack_rows(w.data + from, row, nullptr, count, d.group_k, to);
        }
        to += d.group_k * padded_columns(count);
      }
  };
  run_product(product, pack, threads);
}

}  // namespace fedcamae::cpu
