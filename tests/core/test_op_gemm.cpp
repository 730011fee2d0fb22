// Matrix products on every device: all transpositions, overwriting and accumulating.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/reference/gemm.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

struct Size {
  int64_t m, n, k;
};
// One element, vectors, odd sizes, long reductions, many rows with few columns, tall and wide.
const Size kSizes[] = {{1, 1, 1},    {1, 37, 5},    {29, 1, 11},   {7, 9, 1},   {13, 17, 19},
                       {64, 64, 64}, {5, 130, 300}, {3, 10, 2048}, {700, 3, 5}, {2, 1000, 33}};

template <class Draw>
void check_gemm(const Draw& draw, bool exact) {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Size& size : kSizes)
      for (int variant = 0; variant < 8; ++variant) {
        const GemmSpec spec{.transpose_a = (variant & 1) != 0,
                            .transpose_b = (variant & 2) != 0,
                            .accumulate = (variant & 4) != 0};
        CAPTURE(size.m);
        CAPTURE(size.n);
        CAPTURE(size.k);
        CAPTURE(variant);
        const Array<double> a =
            draw(spec.transpose_a ? Shape{size.k, size.m} : Shape{size.m, size.k});
        const Array<double> b =
            draw(spec.transpose_b ? Shape{size.n, size.k} : Shape{size.k, size.n});
        Array<double> c = draw(Shape{size.m, size.n});
        const Tensor ta = testing::to_tensor(context, a), tb = testing::to_tensor(context, b);
        const Tensor tc = spec.accumulate ? testing::to_tensor(context, c)
                                          : Tensor(context, c.shape);  // filled with NaN
        ops::gemm_into(ta, tb, spec, tc);
        reference::gemm(spec, a, b, c);
        testing::check_close(tc, c, exact ? 0.0 : testing::rounding(size.k + 1));
        if (!spec.accumulate) testing::check_same_bits(ops::gemm(ta, tb, spec), tc);
      }
  });
}

TEST_CASE("gemm on whole numbers: exact") {
  Inputs inputs(21);
  check_gemm([&](const Shape& shape) { return inputs.integers(shape); }, true);
}

TEST_CASE("gemm on real data: the rounding of a sum") {
  Inputs inputs(22);
  check_gemm([&](const Shape& shape) { return inputs.reals(shape); }, false);
}

TEST_CASE("gemm: the bits do not depend on the number of threads") {
  Inputs inputs(23);
  Context one(testing::device_options(1)), three(testing::device_options(3));
  for (const Size& size : kSizes) {
    CAPTURE(size.m);
    CAPTURE(size.n);
    CAPTURE(size.k);
    const auto a = inputs.reals({size.m, size.k}), b = inputs.reals({size.k, size.n});
    const auto run = [&](Context& context) {
      return ops::gemm(testing::to_tensor(context, a), testing::to_tensor(context, b));
    };
    testing::check_same_bits(run(one), run(three));
  }
}

TEST_CASE("gemm: sizes that do not meet are refused") {
  Context context;
  const Tensor a(context, {3, 4}), b(context, {5, 6});
  CHECK_THROWS_AS(ops::gemm(a, b), Error);
  CHECK_THROWS_AS(ops::gemm_into(a, Tensor(context, {4, 6}), {}, Tensor(context, {3, 5})), Error);
}

}  // namespace
}  // namespace fedcamae
