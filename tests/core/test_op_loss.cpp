// Softmax cross-entropy on every device.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "core/reference/loss.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

TEST_CASE("softmax cross-entropy and backward, with and without smoothing") {
  Inputs inputs(81);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& shape : {Shape{1, 2}, Shape{5, 10}, Shape{64, 33}, Shape{3, 1000}})
      for (const float smoothing : {0.0f, 0.1f}) {
        CAPTURE(shape.str());
        CAPTURE(smoothing);
        const auto logits = inputs.reals(shape, 1.0, 3.0);
        const auto labels = inputs.labels(shape[0], shape[1]);
        const IndexTensor tl = IndexTensor::from(context, labels);
        const double tolerance = testing::rounding(shape[1]);
        const auto got =
            ops::softmax_cross_entropy(testing::to_tensor(context, logits), tl, smoothing);
        const auto expected = reference::softmax_cross_entropy(logits, labels, smoothing);
        testing::check_close(got.loss.item(), expected.loss, tolerance);
        testing::check_close(got.loss_per_row, expected.loss_per_row, tolerance);
        testing::check_close(got.probabilities, expected.probabilities, tolerance);
        const Tensor dloss = Tensor::full(context, {}, -1.5f);
        testing::check_close(
            ops::softmax_cross_entropy_backward(dloss, got.probabilities, tl, smoothing),
            reference::softmax_cross_entropy_backward(-1.5, expected.probabilities, labels,
                                                      smoothing),
            tolerance);
      }
  });
}

TEST_CASE("cross-entropy of equal logits is log C; of huge logits it stays finite") {
  testing::on_every_device([&](Context& context) {
    const IndexTensor label = IndexTensor::from(context, std::vector<int32_t>{1});
    const Tensor equal = Tensor::full(context, {1, 8}, 3.0f);
    testing::check_close(ops::softmax_cross_entropy(equal, label).loss.item(), std::log(8.0),
                         testing::rounding(8));
    const Tensor huge = Tensor::from(context, {1, 3}, std::vector<float>{3e4f, -3e4f, 0.0f});
    CHECK(ops::softmax_cross_entropy(huge, label).loss.item() == 6e4f);
  });
}

TEST_CASE("cross-entropy: labels outside the classes are refused") {
  Context context;
  const Tensor logits = Tensor::zeros(context, {2, 3});
  for (const std::vector<int32_t>& bad :
       {std::vector<int32_t>{0, 3}, std::vector<int32_t>{-1, 0}, std::vector<int32_t>{0}})
    CHECK_THROWS_AS(ops::softmax_cross_entropy(logits, IndexTensor::from(context, bad)), Error);
}

}  // namespace
}  // namespace fedcamae
