// bfloat16 as storage, on every device: rounding, windows and copies; types that do not go
// together.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::Inputs;

constexpr ElementType kNarrow = ElementType::kBfloat16, kWide = ElementType::kFloat32;

double to_nearest(double x) {  // ties to even, by the definition
  const double unit = std::ldexp(1.0, std::max(std::ilogb(x), -126) - 7);
  return std::nearbyint(x / unit) * unit;
}

TEST_CASE("cast: every bfloat16, the middle between two, and the float32 beside it") {
  constexpr double kLargest = 0x1.fep127;
  std::vector<float> numbers;
  std::vector<float> expected;
  for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
    const float low = to_float(Bfloat16{static_cast<uint16_t>(bits)});
    const float high = bits == 0x7f7f ? std::numeric_limits<float>::infinity()
                                      : to_float(Bfloat16{static_cast<uint16_t>(bits + 1)});
    const double upper = bits == 0x7f7f ? 0x1p128 : static_cast<double>(high);
    const auto middle = static_cast<float>((static_cast<double>(low) + upper) / 2);
    for (const float x : {low, middle, std::nextafter(middle, 0.0f),
                          std::nextafter(middle, std::numeric_limits<float>::infinity())})
      for (const float sign : {1.0f, -1.0f}) {
        const double nearest = x == 0 ? 0.0 : to_nearest(static_cast<double>(x));
        numbers.push_back(sign * x);
        expected.push_back(sign * (nearest > kLargest ? std::numeric_limits<float>::infinity()
                                                      : static_cast<float>(nearest)));
      }
  }
  const Shape shape{static_cast<int64_t>(numbers.size())};
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    const Tensor y = ops::cast(Tensor::from(context, shape, numbers), kNarrow);
    CHECK(y.type() == kNarrow);
    testing::check_same_bits(y, Tensor::from(context, shape, expected));
    testing::check_same_bits(ops::cast(y, kWide), y);
  });
}

TEST_CASE("cast: NaN and infinity stay, a cast to the same type is the tensor itself") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  // What makes it a NaN lies in the half that bfloat16 drops.
  const auto low_nan = std::bit_cast<float>(0x7f800001u);
  testing::on_every_device([&](Context& context) {
    const Tensor x = Tensor::from(context, {4}, std::vector<float>{kNan, kInf, -kInf, low_nan});
    const std::vector<float> y = ops::cast(x, kNarrow).to_host();
    CHECK(std::isnan(y[0]));
    CHECK(y[1] == kInf);
    CHECK(y[2] == -kInf);
    CHECK(std::isnan(y[3]));
    CHECK(ops::cast(x, kWide).data() == x.data());
  });
}

TEST_CASE("bfloat16 tensors: fill, windows, copies, and half the bytes") {
  Inputs inputs(301);
  testing::on_every_device([&](Context& context) {
    CHECK(Tensor::full(context, {5}, 1.00390625f, kNarrow).to_host() ==
          std::vector<float>(5, 1.0f));  // 1 + 2^-8: a tie, to even
    const Tensor x = ops::cast(testing::to_tensor(context, inputs.reals({1000})), kNarrow);
    CHECK(x.view().bytes() == 2000);
    const std::vector<float> host = x.to_host();
    const Tensor window = x.window(333, {7, 5});
    CHECK(window.type() == kNarrow);
    CHECK(window.to_host() == std::vector<float>(host.begin() + 333, host.begin() + 368));
    CHECK(window.reshape({35}).to_host() == window.to_host());
    testing::check_same_bits(window.clone(), window);
    const Tensor copy = Tensor::zeros(context, {1000}, kNarrow);
    ops::copy_(window, copy.window(1, {7, 5}));
    const std::vector<float> around = copy.to_host();
    CHECK(around[0] == 0.0f);
    CHECK(std::vector<float>(around.begin() + 1, around.begin() + 36) == window.to_host());
    CHECK(around[36] == 0.0f);
  });
}

TEST_CASE("element types that do not go together are refused by name") {
  Context context(testing::device_options(1));
  const Shape shape{1, 3, 3, 4};
  const Tensor wide = Tensor::zeros(context, shape),
               narrow = Tensor::zeros(context, shape, kNarrow);
  const Tensor row = Tensor::zeros(context, {4}), narrow_row = Tensor::zeros(context, {4}, kNarrow);
  const auto message = [](const std::function<void()>& body) -> std::string {
    try {
      body();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string narrow_found =
      "a tensor of bfloat16 numbers where float32 is expected; cast it first";
  const std::string wide_found =
      "a tensor of float32 numbers where bfloat16 is expected; cast it first";
  CHECK(message([&] { ops::add(wide, narrow); }) == "[binary] " + narrow_found);
  CHECK(message([&] { ops::add(narrow, wide); }) == "[binary] " + wide_found);
  CHECK(message([&] { ops::copy_(narrow, wide); }) == "[copy] " + narrow_found);
  CHECK(message([&] { ops::add_(narrow, wide); }) == "[add] " + narrow_found);
  CHECK(message([&] { ops::add_row_(narrow_row, narrow); }) == "[add_row] " + narrow_found);
  CHECK(message([&] { ops::unary_backward(Unary::kRelu, narrow, wide); }) ==
        "[unary_backward] " + wide_found);
  CHECK(message([&] { ops::conv2d(narrow, wide, {}); }) == "[conv2d] " + wide_found);
  CHECK(message([&] {
          ops::gemm(row.reshape({1, 4}), row.reshape({4, 1}), {}, kNarrow);
        }) == "[gemm] " + wide_found);
  CHECK(message([&] { ops::max_pool_backward(wide, narrow, {}); }) ==
        "[max_pool_backward] " + narrow_found);
  CHECK(message([&] { ops::batch_norm_eval(narrow, narrow_row, row, {}, {}, row, row); }) ==
        "[batch_norm_eval] " + narrow_found);
  CHECK(message([&] { ops::batch_norm_eval(narrow, row, row, wide, {}, row, row); }) ==
        "[batch_norm_eval] " + wide_found);
  for (const auto& [name, body] : std::vector<std::pair<std::string, std::function<void()>>>{
           {"sum", [&] { ops::sum(narrow); }},
           {"dot", [&] { ops::dot(narrow, narrow); }},
           {"squared_distance", [&] { ops::squared_distance(narrow, narrow); }},
           {"all_finite", [&] { ops::all_finite(narrow); }},
           {"sum_last", [&] { ops::sum_last(narrow); }},
           {"argmax_last", [&] { ops::argmax_last(narrow); }},
           {"minmax_last", [&] { ops::minmax_last(narrow); }},
           {"axpy", [&] { ops::axpy_(1.0f, narrow, narrow); }},
           {"scale", [&] { ops::scale_(1.0f, narrow); }},
           {"clamp", [&] { ops::clamp_(0, 1, narrow); }},
           {"resize_bilinear", [&] { ops::resize_bilinear(narrow, 2, 2); }},
           {"softmax_cross_entropy",
            [&] {
              ops::softmax_cross_entropy(narrow_row.reshape({1, 4}),
                                         IndexTensor::from(context, std::vector<int32_t>{1}));
            }},
           {"sgd_step", [&] { ops::sgd_step_({}, 1, narrow_row, row, {}); }},
       })
    CHECK(message(body) == fmt::format("[{}] {}", name, narrow_found));
}

}  // namespace
}  // namespace fedcamae
