// Pooling on every device.
#include <doctest/doctest.h>

#include <limits>

#include "core/ops.h"
#include "core/reference/pool.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

const Shape kImages[] = {{1, 3, 3, 1},  {2, 4, 6, 3},   {1, 5, 7, 16},
                         {3, 9, 8, 21}, {1, 3, 3, 700}, {1, 33, 40, 2}};
const PoolSpec kSpecs[] = {{.window = 2, .stride = 2},
                           {.window = 3, .stride = 2, .padding = 1},  // ResNet-50's stem
                           {.window = 3, .stride = 1, .padding = 1},
                           {.window = 2, .stride = 3},
                           {.window = 1, .stride = 2},
                           {.window = 3, .stride = 3}};

template <class Fn>
void for_every_case(const Fn& fn) {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& image : kImages)
      for (const PoolSpec& spec : kSpecs) {
        CAPTURE(image.str());
        CAPTURE(spec.window);
        CAPTURE(spec.stride);
        CAPTURE(spec.padding);
        REQUIRE(ops::pool_shape(image, spec).str() == reference::pool_shape(image, spec).str());
        fn(context, image, spec);
      }
  });
}

TEST_CASE("max pool and backward: exact, a tie goes to the first") {
  Inputs inputs(31);
  for_every_case([&](Context& context, const Shape& image, const PoolSpec& spec) {
    const auto x = inputs.integers(image);  // few values: many ties; windows of negatives only
    const auto dy = inputs.integers(reference::pool_shape(image, spec));
    const Tensor tx = testing::to_tensor(context, x);
    testing::check_equal(ops::max_pool(tx, spec), reference::max_pool(x, spec));
    testing::check_equal(ops::max_pool_backward(testing::to_tensor(context, dy), tx, spec),
                         reference::max_pool_backward(dy, x, spec));
  });
}

TEST_CASE("max pool: padding is minus infinity, not zero") {
  testing::on_every_device([&](Context& context) {
    const Tensor x = Tensor::full(context, {1, 2, 2, 3}, -5.0f);
    const Tensor y = ops::max_pool(x, {.window = 3, .stride = 2, .padding = 1});
    testing::check_equal(y, Array<double>(Shape{1, 1, 1, 3}, -5.0));
    const Tensor all = Tensor::full(context, {1, 2, 2, 1}, -std::numeric_limits<float>::infinity());
    CHECK(ops::max_pool(all, {.window = 2, .stride = 2}).item() ==
          -std::numeric_limits<float>::infinity());
  });
}

// PyTorch's rule: each NaN takes the place of what was found before it, so that the last one stays.
TEST_CASE("max pool: a NaN wins, the last of several gets the gradient") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const PoolSpec spec{.window = 2, .stride = 2};
  testing::on_every_device([&](Context& context) {
    const Tensor x =
        Tensor::from(context, {2, 2, 2, 1}, std::vector<float>{9, kNan, 3, 10, kNan, 7, kNan, 8});
    for (const float y : ops::max_pool(x, spec).to_host()) CHECK(std::isnan(y));
    const Tensor dy = Tensor::from(context, {2, 1, 1, 1}, std::vector<float>{2, 5});
    CHECK(ops::max_pool_backward(dy, x, spec).to_host() ==
          std::vector<float>{0, 2, 0, 0, 0, 0, 5, 0});
  });
}

TEST_CASE("average pool and backward: padding counts") {
  Inputs inputs(32);
  for_every_case([&](Context& context, const Shape& image, const PoolSpec& spec) {
    const auto x = inputs.reals(image);
    const auto dy = inputs.reals(reference::pool_shape(image, spec));
    const double tolerance = testing::rounding(spec.window * spec.window);
    testing::check_close(ops::avg_pool(testing::to_tensor(context, x), spec),
                         reference::avg_pool(x, spec), tolerance);
    testing::check_close(ops::avg_pool_backward(testing::to_tensor(context, dy), image, spec),
                         reference::avg_pool_backward(dy, image, spec), tolerance);
  });
}

TEST_CASE("average pool of whole numbers over a window of four: exact") {
  Inputs inputs(33);
  testing::on_every_device([&](Context& context) {
    const auto x = inputs.integers({2, 6, 8, 5});
    const PoolSpec spec{.window = 2, .stride = 2};
    testing::check_equal(ops::avg_pool(testing::to_tensor(context, x), spec),
                         reference::avg_pool(x, spec));
  });
}

TEST_CASE("global average pool and backward") {
  Inputs inputs(34);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& image : {Shape{1, 1, 1, 1}, Shape{2, 7, 7, 33}, Shape{3, 1, 1, 2048},
                               Shape{1, 56, 40, 3}, Shape{2, 2, 3, 5}}) {
      CAPTURE(image.str());
      const auto x = inputs.reals(image), dy = inputs.reals({image.n(), image.c()});
      const double tolerance = testing::rounding(image.h() * image.w());
      testing::check_close(ops::global_avg_pool(testing::to_tensor(context, x)),
                           reference::global_avg_pool(x), tolerance);
      testing::check_close(ops::global_avg_pool_backward(testing::to_tensor(context, dy), image),
                           reference::global_avg_pool_backward(dy, image), tolerance);
    }
    const auto whole = inputs.integers({2, 4, 8, 19});  // 32 pixels: exact division
    testing::check_equal(ops::global_avg_pool(testing::to_tensor(context, whole)),
                         reference::global_avg_pool(whole));
  });
}

}  // namespace
}  // namespace fedcamae
