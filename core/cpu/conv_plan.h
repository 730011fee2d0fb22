// Convolution as a matrix product over pixels without multiplying padding: the pixels of the
// output are grouped into classes by which taps reach the image, so that all rows of a tile have
// the same list of taps. A class's rows differ in one offset each; its taps are constant runs.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/cpu/simd/table.h"

namespace fedcamae::cpu {

struct ConvShape {
  int64_t n, h, w, c;  // image
  int64_t k, r, s;     // output channels, kernel
  int64_t oh, ow;
  int64_t stride, padding, groups;
  int64_t group_c, group_k;  // channels of a group

  int64_t weight_row() const { return r * s * group_c; }  // floats from one w[k] to the next
  auto operator<=>(const ConvShape&) const = default;
};
ConvShape conv_shape(const Shape& x, const Shape& w, const Shape& y, const ConvSpec& spec);

struct PixelClass {
  std::vector<int64_t> from;    // offset of each row in the image that is read
  std::vector<int64_t> to;      // offset of its pixel in the image that is written
  std::vector<Run> runs;        // cut so that they fill blocks of at most kDepth
  std::vector<int64_t> blocks;  // first run of each block, and runs.size()
};
struct ConvPlan {
  std::vector<PixelClass> classes;
  // The taps that any class uses, in the order in which panels hold them: rows x columns.
  std::vector<int64_t> tap_rows;
  std::vector<int64_t> tap_columns;
  int64_t depth = 0;  // floats of one tap in a panel: channels of a group on the side that is read
  int64_t row_tiles = 0;

  int64_t panel_rows() const {
    return static_cast<int64_t>(tap_rows.size() * tap_columns.size()) * depth;
  }
};

// Plans are kept by shape, at most kKeptPlans of them; the oldest go first.
constexpr size_t kKeptPlans = 512;
std::shared_ptr<const ConvPlan> forward_plan(const ConvShape& shape);
std::shared_ptr<const ConvPlan> backward_data_plan(const ConvShape& shape);

}  // namespace fedcamae::cpu
