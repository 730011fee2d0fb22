#include "core/cpu/conv_plan.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "core/cpu/gemm_parallel.h"

namespace fedcamae::cpu {
namespace {

struct AxisTap {
  int64_t tap;
  int64_t offset;  // of the pixel read, from the base of the pixel written
  auto operator<=>(const AxisTap&) const = default;
};
struct AxisPixel {
  int64_t index;  // written
  int64_t base;   // read
};
// The pixels of one axis by their taps.
using Axis = std::map<std::vector<AxisTap>, std::vector<AxisPixel>>;

// Output o reads o * stride - padding + tap.
Axis forward_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding) {
  Axis axis;
  for (int64_t o = 0; o < out; ++o) {
    const int64_t base = o * stride - padding;
    std::vector<AxisTap> taps;
    for (int64_t t = 0; t < kernel; ++t)
      if (base + t >= 0 && base + t < in) taps.push_back({t, t});
    axis[taps].push_back({o, base});
  }
  return axis;
}

// Input i is reached by tap t from output (i + padding - t) / stride where that is whole, which is
// floor((i + padding) / stride) - floor(t / stride) then.
Axis backward_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding) {
  Axis axis;
  for (int64_t i = 0; i < in; ++i) {
    const int64_t base = (i + padding) / stride;
    std::vector<AxisTap> taps;
    for (int64_t t = 0; t < kernel; ++t) {
      const int64_t o = base - t / stride;
      if ((i + padding - t) % stride == 0 && i + padding >= t && o < out)
        taps.push_back({t, -(t / stride)});
    }
    axis[taps].push_back({i, base});
  }
  return axis;
}

std::vector<int64_t> used_taps(const Axis& axis) {
  std::set<int64_t> used;
  for (const auto& [taps, pixels] : axis)
    for (const AxisTap& tap : taps) used.insert(tap.tap);
  return {used.begin(), used.end()};
}

int64_t position(const std::vector<int64_t>& sorted, int64_t value) {
  return std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
}

struct Image {
  int64_t h, w, c;
  int64_t offset(int64_t n, int64_t y, int64_t x) const { return ((n * h + y) * w + x) * c; }
};

std::vector<Run> class_runs(const std::vector<AxisTap>& rows, const std::vector<AxisTap>& columns,
                            const ConvPlan& plan, const Image& from) {
  std::vector<Run> runs;
  for (const AxisTap& row : rows)
    for (const AxisTap& column : columns) {
      const int64_t tap =
          position(plan.tap_rows, row.tap) * static_cast<int64_t>(plan.tap_columns.size()) +
          position(plan.tap_columns, column.tap);
      const Run run{from.offset(0, row.offset, column.offset), tap * plan.depth, plan.depth};
      if (!runs.empty() && runs.back().a + runs.back().length == run.a &&
          runs.back().b + runs.back().length == run.b)
        runs.back().length += run.length;
      else
        runs.push_back(run);
    }
  return runs;
}

// Cuts the runs into blocks of nearly equal length, at most kDepth, for the L1 cache's sake.
void cut_into_blocks(PixelClass& pixels) {
  int64_t total = 0;
  for (const Run& run : pixels.runs) total += run.length;
  const int64_t count = std::max<int64_t>(1, (total + kDepth - 1) / kDepth);
  const int64_t target = (total + count - 1) / count;
  std::vector<Run> cut;
  pixels.blocks = {0};
  int64_t room = target;
  for (Run run : pixels.runs)
    while (run.length > 0) {
      if (room == 0) {
        pixels.blocks.push_back(static_cast<int64_t>(cut.size()));
        room = target;
      }
      const int64_t length = std::min(run.length, room);
      cut.push_back({run.a, run.b, length});
      run = {run.a + length, run.b + length, run.length - length};
      room -= length;
    }
  pixels.runs = std::move(cut);
  pixels.blocks.push_back(static_cast<int64_t>(pixels.runs.size()));
}

ConvPlan make_plan(int64_t batch, const Axis& rows, const Axis& columns, int64_t depth,
                   const Image& from, const Image& to) {
  ConvPlan plan;
  plan.depth = depth;
  plan.tap_rows = used_taps(rows);
  plan.tap_columns = used_taps(columns);
  const int64_t tile_rows = kTileRows;
  for (const auto& [row_taps, row_pixels] : rows)
    for (const auto& [column_taps, column_pixels] : columns) {
      PixelClass group;
      group.runs = class_runs(row_taps, column_taps, plan, from);
      cut_into_blocks(group);
      for (int64_t n = 0; n < batch; ++n)
        for (const AxisPixel& y : row_pixels)
          for (const AxisPixel& x : column_pixels) {
            group.from.push_back(from.offset(n, y.base, x.base));
            group.to.push_back(to.offset(n, y.index, x.index));
          }
      plan.row_tiles += (static_cast<int64_t>(group.to.size()) + tile_rows - 1) / tile_rows;
      plan.classes.push_back(std::move(group));
    }
  return plan;
}

template <class Make>
std::shared_ptr<const ConvPlan> kept_plan(bool backward, const ConvShape& shape, const Make& make) {
  using Key = std::pair<bool, ConvShape>;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const ConvPlan>> plans;
  static std::deque<Key> order;
  const Key key{backward, shape};
  const std::lock_guard lock(mutex);
  auto& plan = plans[key];
  if (plan != nullptr) return plan;
  std::shared_ptr<const ConvPlan> made = std::make_shared<const ConvPlan>(make());
  plan = made;
  order.push_back(key);
  if (order.size() > kKeptPlans) {
    plans.erase(order.front());
    order.pop_front();
  }
  return made;
}

}  // namespace

ConvShape conv_shape(const Shape& x, const Shape& w, const Shape& y, const ConvSpec& spec) {
  return {.n = x.n(),
          .h = x.h(),
          .w = x.w(),
          .c = x.c(),
          .k = w.n(),
          .r = w.h(),
          .s = w.w(),
          .oh = y.h(),
          .ow = y.w(),
          .stride = spec.stride,
          .padding = spec.padding,
          .groups = spec.groups,
          .group_c = x.c() / spec.groups,
          .group_k = w.n() / spec.groups};
}

std::shared_ptr<const ConvPlan> forward_plan(const ConvShape& d) {
  return kept_plan(false, d, [&] {
    return make_plan(d.n, forward_axis(d.h, d.oh, d.r, d.stride, d.padding),
                     forward_axis(d.w, d.ow, d.s, d.stride, d.padding), d.group_c, {d.h, d.w, d.c},
                     {d.oh, d.ow, d.k});
  });
}

std::shared_ptr<const ConvPlan> backward_data_plan(const ConvShape& d) {
  return kept_plan(true, d, [&] {
    return make_plan(d.n, backward_axis(d.h, d.oh, d.r, d.stride, d.padding),
                     backward_axis(d.w, d.ow, d.s, d.stride, d.padding), d.group_k,
                     {d.oh, d.ow, d.k}, {d.h, d.w, d.c});
  });
}

}  // namespace fedcamae::cpu
