// Bilinear resize on every device.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/reference/resize.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// Coordinates are float32 on a device: near 200 pixels the weight of a neighbour is off by that
// many roundings.
constexpr double kTolerance = 200 * testing::kEps;

TEST_CASE("resize: up, down, same, from one pixel, odd channels") {
  testing::Inputs inputs(41);
  struct Case {
    Shape x;
    int64_t height, width;
  };
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Case& c :
         {Case{{2, 4, 5, 3}, 9, 8}, Case{{1, 9, 7, 5}, 4, 3}, Case{{1, 1, 1, 2}, 6, 5},
          Case{{1, 7, 7, 1}, 224, 224}, Case{{2, 32, 32, 3}, 64, 48}, Case{{1, 2, 9, 33}, 3, 1},
          Case{{1, 3, 2, 40}, 3, 2}}) {
      CAPTURE(c.x.str());
      const auto x = inputs.reals(c.x);
      testing::check_close(ops::resize_bilinear(testing::to_tensor(context, x), c.height, c.width),
                           reference::resize_bilinear(x, c.height, c.width), kTolerance);
    }
  });
}

TEST_CASE("resize: by two, worked by hand") {
  testing::on_every_device([&](Context& context) {
    const Tensor x = Tensor::from(context, {1, 1, 2, 1}, std::vector<float>{0, 4});
    const Tensor y = ops::resize_bilinear(x, 1, 4);
    CHECK(y.to_host() == std::vector<float>{0, 1, 3, 4});
  });
}

TEST_CASE("resize to the same size changes no bit") {
  testing::Inputs inputs(42);
  testing::on_every_device([&](Context& context) {
    const Tensor x = testing::to_tensor(context, inputs.reals({2, 5, 4, 3}));
    testing::check_same_bits(ops::resize_bilinear(x, 5, 4), x);
  });
}

}  // namespace
}  // namespace fedcamae
