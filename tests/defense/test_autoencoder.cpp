// The heat-map autoencoder against PyTorch's, from the same weights and rows.
#include "defense/autoencoder.h"

#include <doctest/doctest.h>

#include <sstream>

#include "core/ops.h"
#include "tests/models/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// Adam divides by the root of a mean of squares: where a gradient is near zero its float32 rounding
// moves a step by a visible part of lr. The dumps hold PyTorch's own float32 distance from float64
// (1e-7 for weights near one); another order of the same sums may be a few times as far.
constexpr double kTimesTorch = 8.0;
constexpr double kFloor = 1e-6;  // of numbers below one, after some tens of steps

std::vector<int64_t> integers(const std::string& text) {
  std::istringstream in(text);
  std::vector<int64_t> result;
  for (int64_t v = 0; in >> v;) result.push_back(v);
  return result;
}

// PyTorch's flat parameters as ours lie: with one hidden layer the encoder's weight comes as
// [inputs, hidden].
std::vector<float> as_stored(std::vector<float> flat, int64_t inputs,
                             const std::vector<int64_t>& hidden) {
  if (hidden.size() != 1) return flat;
  const std::vector<float> torch = flat;
  for (int64_t unit = 0; unit < hidden[0]; ++unit)
    for (int64_t i = 0; i < inputs; ++i)
      flat[static_cast<size_t>(i * hidden[0] + unit)] =
          torch[static_cast<size_t>(unit * inputs + i)];
  return flat;
}

void check_near(const SafeTensors& golden, const std::string& name,
                const std::vector<float>& values, const std::vector<float>& expected) {
  CAPTURE(name);
  const auto distance = static_cast<double>(golden.floats(name + ".distance")[0]);
  CHECK(testing::largest_difference(values, expected) <= kFloor + kTimesTorch * distance);
}

TEST_CASE("training from given weights is PyTorch's") {
  for (const char* file : {"layer_cam_autoencoder", "layer_cam_deep_autoencoder"}) {
    CAPTURE(file);
    const SafeTensors golden = testing::read_golden(std::string(file) + ".safetensors");
    const auto& metadata = golden.metadata();
    const auto& shape = golden.tensors().at("rows").shape;
    Context context(testing::device_options(2));
    const std::vector<int64_t> hidden = integers(metadata.at("hidden"));
    Autoencoder autoencoder(shape[1],
                            {.hidden = hidden,
                             .epochs = std::stoll(metadata.at("epochs")),
                             .lr = std::stod(metadata.at("lr")),
                             .weight_decay = std::stod(metadata.at("weight_decay"))},
                            context);
    const std::vector<float> before = as_stored(golden.floats("before"), shape[1], hidden);
    REQUIRE(static_cast<int64_t>(before.size()) == autoencoder.parameters().size());
    ops::copy_(Tensor::from(context, autoencoder.parameters().shape(), before),
               autoencoder.parameters());
    const Tensor rows = Tensor::from(context, {shape[0], shape[1]}, golden.floats("rows"));
    const std::vector<double> losses = autoencoder.train(rows);
    check_near(golden, "losses", {losses.begin(), losses.end()}, golden.floats("losses"));
    check_near(golden, "after", autoencoder.parameters().to_host(),
               as_stored(golden.floats("after"), shape[1], hidden));
    check_near(golden, "reconstructed", autoencoder.reconstruct(rows).to_host(),
               golden.floats("reconstructed"));
  }
}

TEST_CASE("the paper's autoencoder has 12,895,360 parameters") {
  Context context(testing::device_options(1));
  CHECK(Autoencoder(224 * 224, {}, context).parameters().size() == 12'895'360);
}

TEST_CASE("first weights: within 1 / sqrt(inputs of the layer), by key") {
  Context context(testing::device_options(1));
  Autoencoder a(64, {.hidden = {16}}, context), b(64, {.hidden = {16}}, context);
  const auto weights = [](Autoencoder& autoencoder, uint32_t round) {
    autoencoder.initialize({4, Purpose::kAutoencoder, round});
    return autoencoder.parameters().to_host();
  };
  const std::vector<float> first = weights(a, 1);
  CHECK(first == weights(b, 1));
  CHECK_FALSE(first == weights(b, 2));
  const size_t encoder = 64 * 16 + 16;
  const std::vector<float> in(first.begin(), first.begin() + encoder),
      out(first.begin() + encoder, first.end());
  CHECK(testing::largest_magnitude(in) <= 1.0 / 8);
  CHECK(testing::largest_magnitude(in) > 0.95 / 8);
  CHECK(testing::largest_magnitude(out) <= 1.0 / 4);
  CHECK(testing::largest_magnitude(out) > 0.95 / 4);
}

TEST_CASE("the same bits for any number of threads") {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    Context context(testing::device_options(threads));
    Autoencoder autoencoder(196, {.hidden = {32}, .epochs = 20}, context);
    autoencoder.initialize({1});
    Random random({2});
    std::vector<float> numbers(9 * 196);
    for (float& v : numbers) v = static_cast<float>(random.uniform());
    autoencoder.train(Tensor::from(context, {9, 196}, numbers));
    results.push_back(autoencoder.parameters().to_host());
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("a row's error is its mean squared difference") {
  Context context(testing::device_options(1));
  const Tensor a = Tensor::from(context, {2, 4}, std::vector<float>{0, 1, 2, 3, 0, 0, 0, 0});
  const Tensor b = Tensor::from(context, {2, 4}, std::vector<float>{0, 1, 0, 4, 1, 1, 1, -1});
  CHECK(row_errors(a, b) == std::vector<double>{1.25, 1});
}

TEST_CASE("training that leaves the finite numbers is an error, not a verdict") {
  Context context(testing::device_options(1));
  Autoencoder autoencoder(4, {.hidden = {2}, .epochs = 3}, context);
  autoencoder.initialize({1});
  ops::fill_(autoencoder.parameters(), std::numeric_limits<float>::quiet_NaN());
  try {
    autoencoder.train(Tensor::full(context, {2, 4}, 0.5f));
    FAIL("NaN weights");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kDiverged);
  }
}

}  // namespace
}  // namespace fedcamae
