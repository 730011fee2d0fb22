// Convolution on every device: whole numbers match the reference exactly, in any order of
// summation; real data within the rounding of a sum.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/reference/conv.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

struct ConvCase {
  Shape x, w;  // [N, H, W, C], [K, R, S, C / groups]
  ConvSpec spec;
};

const ConvCase kCases[] = {
    // 1x1, with few and with odd channels, strided, with padding that no tap fills.
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 5, 3, 7}, {9, 1, 1, 7}, {}},
    {{2, 7, 6, 33}, {17, 1, 1, 33}, {.stride = 2}},
    {{1, 4, 5, 6}, {5, 1, 1, 6}, {.stride = 1, .padding = 1}},
    // 3x3: one pixel, odd sizes, strides that leave rows unread, padding as wide as the kernel.
    {{1, 1, 1, 16}, {8, 3, 3, 16}, {.padding = 1}},
    {{2, 5, 7, 3}, {4, 3, 3, 3}, {.padding = 1}},
    {{3, 8, 8, 16}, {32, 3, 3, 16}, {.stride = 2, .padding = 1}},
    {{1, 9, 10, 5}, {6, 3, 3, 5}, {.stride = 2}},
    {{1, 8, 11, 4}, {3, 3, 3, 4}, {.stride = 3}},
    {{1, 11, 9, 4}, {3, 2, 2, 4}, {.stride = 4}},
    {{2, 4, 3, 2}, {3, 3, 3, 2}, {.padding = 3}},
    // Stems: 7x7 on RGB, stride 2; also where the image is smaller than the kernel.
    {{2, 15, 17, 3}, {16, 7, 7, 3}, {.stride = 2, .padding = 3}},
    {{1, 2, 3, 3}, {5, 7, 7, 3}, {.stride = 2, .padding = 3}},
    {{1, 6, 9, 5}, {7, 5, 5, 5}, {.padding = 2}},
    // Kernels that are not square.
    {{2, 6, 7, 4}, {6, 1, 3, 4}, {}},
    {{2, 6, 7, 4}, {6, 3, 1, 4}, {.stride = 2}},
    // Groups: RegNetY's width 16, odd widths, depthwise, other counts out than in.
    {{2, 6, 5, 64}, {64, 3, 3, 16}, {.stride = 1, .padding = 1, .groups = 4}},
    {{2, 7, 7, 48}, {48, 3, 3, 16}, {.stride = 2, .padding = 1, .groups = 3}},
    {{1, 5, 4, 15}, {21, 3, 3, 5}, {.stride = 1, .padding = 1, .groups = 3}},
    {{2, 6, 6, 10}, {10, 3, 3, 1}, {.stride = 1, .padding = 1, .groups = 10}},
    {{1, 4, 4, 6}, {18, 1, 1, 1}, {.groups = 6}},
    // Many channels with few pixels; few channels with many pixels.
    {{2, 2, 2, 256}, {300, 3, 3, 256}, {.padding = 1}},
    {{1, 1, 2, 1040}, {520, 1, 1, 1040}, {}},
    {{1, 64, 61, 3}, {8, 3, 3, 3}, {.padding = 1}},
    {{2, 33, 30, 2}, {3, 1, 1, 2}, {}},
};

// fn(case, y shape, context) for all cases and devices.
template <class Fn>
void for_every_case(const Fn& fn) {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const ConvCase& c : kCases) {
      CAPTURE(c.x.str());
      CAPTURE(c.w.str());
      CAPTURE(c.spec.stride);
      CAPTURE(c.spec.padding);
      CAPTURE(c.spec.groups);
      const Shape y = reference::conv2d_shape(c.x, c.w, c.spec);
      REQUIRE(ops::conv2d_shape(c.x, c.w, c.spec).str() == y.str());
      fn(context, c, y);
    }
  });
}

// Terms of one output: products that are summed, an upper bound.
int64_t forward_terms(const ConvCase& c) { return c.w.size() / c.w.n(); }
int64_t data_terms(const ConvCase& c) { return c.w.size() / c.w.c() / c.spec.groups; }

void check_conv(Context& context, const ConvCase& c, const Array<double>& x, const Array<double>& w,
                const Array<double>& dy, bool exact) {
  const auto tolerance = [&](int64_t terms) { return exact ? 0.0 : testing::rounding(terms); };
  const Tensor tx = testing::to_tensor(context, x), tw = testing::to_tensor(context, w),
               tdy = testing::to_tensor(context, dy);
  testing::check_close(ops::conv2d(tx, tw, c.spec), reference::conv2d(x, w, c.spec),
                       tolerance(forward_terms(c)));
  testing::check_close(ops::conv2d_backward_data(tdy, tw, c.x, c.spec),
                       reference::conv2d_backward_data(dy, w, c.x, c.spec),
                       tolerance(data_terms(c)));
  const Tensor dw(context, c.w);  // filled with NaN
  ops::conv2d_backward_weight_into(tdy, tx, c.spec, dw);
  testing::check_close(dw, reference::conv2d_backward_weight(dy, x, c.w, c.spec),
                       tolerance(dy.shape.rows()));
}

TEST_CASE("conv2d and its backwards on whole numbers: exact") {
  Inputs inputs(11);
  for_every_case([&](Context& context, const ConvCase& c, const Shape& y) {
    check_conv(context, c, inputs.integers(c.x), inputs.integers(c.w), inputs.integers(y), true);
  });
}

TEST_CASE("conv2d and its backwards on real data: the rounding of a sum") {
  Inputs inputs(12);
  for_every_case([&](Context& context, const ConvCase& c, const Shape& y) {
    check_conv(context, c, inputs.reals(c.x), inputs.reals(c.w), inputs.reals(y), false);
  });
}

TEST_CASE("conv2d: the bits do not depend on the number of threads") {
  Inputs inputs(13);
  Context one(testing::device_options(1)), three(testing::device_options(3));
  for (const ConvCase& c : kCases) {
    CAPTURE(c.x.str());
    CAPTURE(c.w.str());
    const auto x = inputs.reals(c.x), w = inputs.reals(c.w);
    const auto dy = inputs.reals(reference::conv2d_shape(c.x, c.w, c.spec));
    const auto run = [&](Context& context) {
      const Tensor tx = testing::to_tensor(context, x), tw = testing::to_tensor(context, w),
                   tdy = testing::to_tensor(context, dy), dw(context, c.w);
      ops::conv2d_backward_weight_into(tdy, tx, c.spec, dw);
      return std::vector<Tensor>{ops::conv2d(tx, tw, c.spec),
                                 ops::conv2d_backward_data(tdy, tw, c.x, c.spec), dw};
    };
    const auto a = run(one), b = run(three);
    for (size_t i = 0; i < a.size(); ++i) testing::check_same_bits(a[i], b[i]);
  }
}

TEST_CASE("conv2d: wrong shapes are refused with the shapes in the message") {
  Context context;
  const Tensor x(context, {1, 4, 4, 6});
  CHECK_THROWS_AS(ops::conv2d(x, Tensor(context, {4, 3, 3, 5}), {}), Error);
  CHECK_THROWS_AS(ops::conv2d(x, Tensor(context, {4, 5, 5, 6}), {}), Error);  // no output pixel
  CHECK_THROWS_AS(ops::conv2d(x, Tensor(context, {4, 3, 3, 3}), {.groups = 4}), Error);
  CHECK_THROWS_AS(ops::conv2d(x, Tensor(context, {5, 3, 3, 3}), {.groups = 2}), Error);
  CHECK_THROWS_AS(ops::conv2d(x, Tensor(context, {4, 3, 3, 6}), {.stride = 0}), Error);
  CHECK_THROWS_WITH(ops::conv2d(x, Tensor(context, {4, 3, 3, 5}), {}),
                    doctest::Contains("[1, 4, 4, 6]"));
}

}  // namespace
}  // namespace fedcamae
