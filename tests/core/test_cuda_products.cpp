// Products by cuBLAS and cuDNN: what is rounded, how algorithms are chosen and kept, what errors
// say.
#include <doctest/doctest.h>

#include <string>

#include "core/cuda/plan_cache.h"
#include "core/ops.h"
#include "core/reference/conv.h"
#include "tests/support/arrays.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// 1 + 2^-12 is a float32 number that TF32 (10 bits of mantissa) rounds to 1. Sizes at which a
// library that may use tensor cores does.
constexpr float kFine = 1.0f + 0x1p-12f;
constexpr int64_t kSide = 64;

Context context_with(Precision precision) {
  ContextOptions options = testing::device_options(1);
  options.precision = precision;
  return Context(options);
}

float product(Precision precision) {
  Context context = context_with(precision);
  const Tensor a = Tensor::full(context, {kSide, kSide}, kFine);
  const Tensor b = Tensor::full(context, {kSide, kSide}, 1.0f);
  return ops::gemm(a, b).to_host()[0] / kSide;
}

std::vector<float> convolutions(Precision precision) {
  Context context = context_with(precision);
  const Tensor x = Tensor::full(context, {1, 8, 8, kSide}, kFine);
  const Tensor w = Tensor::full(context, {kSide, 1, 1, kSide}, 1.0f);
  const Tensor dy = Tensor::full(context, {1, 8, 8, kSide}, 1.0f), dw(context, w.shape());
  const Tensor fine_dy = Tensor::full(context, dy.shape(), kFine);
  ops::conv2d_backward_weight_into(dy, x, {}, dw);
  return {ops::conv2d(x, w, {}).to_host()[0] / kSide,
          ops::conv2d_backward_data(fine_dy, w, x.shape(), {}).to_host()[0] / kSide,
          dw.to_host()[0] / 64};
}

TEST_CASE("cuda products: float32 is not rounded to TF32 unless asked for") {
  if (testing::skip_on_cpu()) return;
  CHECK(product(Precision::kFloat32) == kFine);
  CHECK(product(Precision::kTf32) == 1.0f);
  CHECK(convolutions(Precision::kFloat32) == std::vector<float>(3, kFine));
  CHECK(convolutions(Precision::kTf32) == std::vector<float>(3, 1.0f));
}

TEST_CASE("cuda products: cuDNN's own choice of algorithms, where asked for") {
  if (testing::skip_on_cpu()) return;
  testing::Inputs inputs(33);
  const ConvSpec spec{.stride = 2, .padding = 1, .groups = 2};
  const Shape image{2, 7, 6, 8}, weight{10, 3, 3, 4};
  const auto x = inputs.reals(image), w = inputs.reals(weight);
  const auto dy = inputs.reals(reference::conv2d_shape(image, weight, spec));
  for (const ConvAlgorithms algorithms :
       {ConvAlgorithms::kFixed, ConvAlgorithms::kDeterministic, ConvAlgorithms::kAny}) {
    CAPTURE(static_cast<int>(algorithms));
    ContextOptions options = testing::device_options(1);
    options.conv_algorithms = algorithms;
    Context context(options);
    const Tensor tx = testing::to_tensor(context, x), tw = testing::to_tensor(context, w),
                 tdy = testing::to_tensor(context, dy);
    std::vector<std::vector<float>> weights;
    for (int i = 0; i < 2; ++i) {
      const Tensor dw(context, weight);
      ops::conv2d_backward_weight_into(tdy, tx, spec, dw);
      weights.push_back(dw.to_host());
      testing::check_close(dw, reference::conv2d_backward_weight(dy, x, weight, spec),
                           testing::rounding(dy.shape.rows()));
    }
    if (algorithms != ConvAlgorithms::kAny) CHECK(weights[0] == weights[1]);
    testing::check_close(ops::conv2d(tx, tw, spec), reference::conv2d(x, w, spec),
                         testing::rounding(9 * 4));
    testing::check_close(ops::conv2d_backward_data(tdy, tw, image, spec),
                         reference::conv2d_backward_data(dy, w, image, spec),
                         testing::rounding(9 * 5));
  }
}

// Windows of flat buffers begin at any number, where cuDNN reads 16 bytes at a time.
TEST_CASE("cuda products: weights, images and results at any address") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  testing::Inputs inputs(34);
  const Shape image{2, 3, 4, 4}, weight{5, 3, 3, 4}, result{2, 3, 4, 5};
  const ConvSpec spec{.stride = 1, .padding = 1};
  const auto x = inputs.integers(image), w = inputs.integers(weight), dy = inputs.integers(result);
  for (const int64_t offset : {1, 2, 3, 4}) {
    CAPTURE(offset);
    const auto at_offset = [&](const testing::Array<double>& values) {
      Tensor window = Tensor(context, {values.size() + offset}).window(offset, values.shape);
      ops::copy_(testing::to_tensor(context, values), window);
      return window;
    };
    const Tensor tx = at_offset(x), tw = at_offset(w), tdy = at_offset(dy);
    const Tensor dw = Tensor(context, {weight.size() + offset}).window(offset, weight);
    ops::conv2d_backward_weight_into(tdy, tx, spec, dw);
    testing::check_equal(dw, reference::conv2d_backward_weight(dy, x, weight, spec));
    testing::check_equal(ops::conv2d(tx, tw, spec), reference::conv2d(x, w, spec));
    testing::check_equal(ops::conv2d_backward_data(tdy, tw, image, spec),
                         reference::conv2d_backward_data(dy, w, image, spec));
  }
}

TEST_CASE("cuda products: errors name the call, the shapes and the device") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  Backend& backend = context.backend();
  const int64_t huge = int64_t{1} << 32;
  const ConstView x(nullptr, {huge, 1, 1, 1}), w(nullptr, {1, 1, 1, 1});
  CHECK_THROWS_WITH_AS(
      backend.conv2d(x, w, {}, View{nullptr, {huge, 1, 1, 1}}),
      "[conv2d] x [4294967296, 1, 1, 1], weight [1, 1, 1, 1], y [4294967296, 1, 1, 1], stride 1, "
      "padding 0, groups 1 on cuda:0: 4294967296 is more than cuDNN can count; use a smaller batch",
      Error);
  // Rows of b that are shorter than those of c.
  const Tensor a = Tensor::zeros(context, {2, 3}), b = Tensor::zeros(context, {3, 2}),
               c = Tensor::zeros(context, {2, 4});
  CHECK_THROWS_WITH_AS(backend.gemm({}, a.view(), b.view(), c.view()),
                       doctest::Contains("[gemm] a [2, 3] by b [3, 2] on cuda:0: cublasGemmEx "
                                         "failed, "),
                       Error);
  // Channels that do not fit one another.
  const Tensor image = Tensor::zeros(context, {1, 2, 2, 6}),
               filter = Tensor::zeros(context, {4, 1, 1, 5}),
               y = Tensor::zeros(context, {1, 2, 2, 4});
  CHECK_THROWS_WITH_AS(backend.conv2d(image.view(), filter.view(), {}, y.view()),
                       doctest::Contains("[conv2d] x [1, 2, 2, 6], weight [4, 1, 1, 5]"), Error);
}

TEST_CASE("cuda products: plans are kept up to a limit, the longest unused goes first") {
  cuda::PlanCache<int, std::string> cache(3);
  int made = 0;
  const auto plan = [&](int key) {
    return cache.get(key, [&] {
      ++made;
      return std::to_string(key);
    });
  };
  for (const int key : {1, 2, 3, 1, 2, 3}) CHECK(plan(key) == std::to_string(key));
  CHECK(made == 3);
  CHECK(plan(1) == "1");
  CHECK(plan(4) == "4");  // in the place of 2
  CHECK(made == 4);
  for (const int key : {1, 3, 4}) (void)plan(key);
  CHECK(made == 4);
  CHECK(plan(2) == "2");  // in the place of 1
  CHECK(plan(1) == "1");
  CHECK(made == 6);
}

}  // namespace
}  // namespace fedcamae
