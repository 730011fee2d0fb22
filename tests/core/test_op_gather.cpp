// Numbers from anywhere in a vector, exactly.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/random.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/guard.h"

namespace fedcamae {
namespace {

using testing::Guarded;
using testing::Inputs;

TEST_CASE("gather: in any order, twice, from the ends") {
  testing::on_every_device([](Context& context) {
    CAPTURE(context.backend().name());
    Inputs inputs(86);
    for (const int64_t count : {1, 2, 31, 1000, 70001}) {
      CAPTURE(count);
      const testing::Array<double> x = inputs.integers({40, 5});
      Random random({.seed = 87});
      std::vector<int32_t> at = {199, 0};
      while (std::ssize(at) < count) at.push_back(static_cast<int32_t>(random.below(200)));
      at.resize(static_cast<size_t>(count));
      testing::Array<double> expected(Shape{count});
      for (int64_t i = 0; i < count; ++i) expected[i] = x[at[static_cast<size_t>(i)]];
      const Guarded guarded(context, x);
      testing::check_equal(ops::gather(guarded.tensor(), IndexTensor::from(context, at)), expected);
    }
  });
}

TEST_CASE("gather: from another context, of nothing, and refused") {
  for (const ContextOptions& options : testing::test_devices()) {
    Context context(options), other(options);
    const Tensor x = Tensor::from(other, {3}, std::vector<float>{5, 6, 7});
    const auto at = [&](const std::vector<int32_t>& indices) {
      return IndexTensor::from(context, indices);
    };
    CHECK(ops::gather(x, at({2, 0})).to_host() == std::vector<float>{7, 5});
    CHECK(ops::gather(x, at({})).size() == 0);
    CHECK_THROWS_WITH_AS(ops::gather(x, at({0, 3})), doctest::Contains("3 is not in [0, 3)"),
                         Error);
    CHECK_THROWS_AS(ops::gather(x, at({-1})), Error);
    CHECK_THROWS_AS(ops::gather(ops::cast(x, ElementType::kBfloat16), at({0})), Error);
  }
}

}  // namespace
}  // namespace fedcamae
