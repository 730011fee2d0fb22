// Initial distributions: moments and ranges against the formulas of torchvision and PyTorch.
#include "layers/init.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/squeeze_excite.h"
#include "tests/layers/layer_case.h"

namespace fedcamae {
namespace {

using testing::Bound;

// Standard errors that a sample's moment may lie from the distribution's: once in two million.
constexpr double kSigmas = 5.0;

struct Moments {
  double mean = 0, variance = 0, kurtosis = 0, largest = 0, count = 0;
};
Moments moments_of(const Tensor& x) {
  Moments m;
  const std::vector<float> host = x.to_host();
  m.count = static_cast<double>(host.size());
  for (const float v : host) m.mean += static_cast<double>(v) / m.count;
  double fourth = 0;
  for (const float v : host) {
    const double d = static_cast<double>(v) - m.mean;
    m.variance += d * d / m.count;
    fourth += d * d * d * d / m.count;
    m.largest = std::max(m.largest, std::abs(static_cast<double>(v)));
  }
  m.kurtosis = fourth / (m.variance * m.variance);
  return m;
}

// The standard error of a variance is variance * sqrt((kurtosis - 1) / count); that of a normal
// sample's kurtosis is sqrt(24 / count).
void check_normal(const Tensor& x, double deviation) {
  const Moments m = moments_of(x);
  CHECK(std::abs(m.mean) <= kSigmas * deviation / std::sqrt(m.count));
  CHECK(std::abs(m.variance / (deviation * deviation) - 1) <= kSigmas * std::sqrt(2 / m.count));
  CHECK(std::abs(m.kurtosis - 3) <= kSigmas * std::sqrt(24 / m.count));
}

// A uniform distribution has kurtosis 9/5; its sample's lies closer than a normal sample's.
void check_uniform(const Tensor& x, double bound) {
  const Moments m = moments_of(x);
  const double variance = bound * bound / 3;
  CHECK(std::abs(m.mean) <= kSigmas * std::sqrt(variance / m.count));
  CHECK(std::abs(m.variance / variance - 1) <= kSigmas * std::sqrt(0.8 / m.count));
  CHECK(std::abs(m.kurtosis - 1.8) <= kSigmas * std::sqrt(24 / m.count));
  CHECK(m.largest <= bound * (1 + testing::kEps));
  CHECK(m.largest >= bound * (1 - 15 / m.count));  // missed with probability exp(-15)
}

// The layer with the weights it begins with.
template <class Layer, class... Args>
std::unique_ptr<Bound<Layer>> initialized(Context& context, Args&&... args) {
  auto bound = std::make_unique<Bound<Layer>>(context, std::forward<Args>(args)...);
  Random random({.seed = 5, .purpose = Purpose::kInitialWeights});
  initialize_all(bound->layer, random);
  return bound;
}
Tensor entry(const FlatState& state, size_t i) {
  const StateEntry& e = state.entries.at(i);
  return testing::window_of(e,
                            e.kind == EntryKind::kParameter ? state.parameters : state.statistics);
}

TEST_CASE("convolutions: Kaiming normal, fan-out, groups not counted; biases uniform by fan-in") {
  Context context(testing::device_options(1));
  const auto plain = initialized<Conv2d>(context, 64, 128, Conv2dSpec{.kernel = 3});
  check_normal(entry(plain->state, 0), std::sqrt(2.0 / (128 * 3 * 3)));
  const Conv2dSpec grouped{.kernel = 3, .groups = 4, .bias = true};
  const auto groups = initialized<Conv2d>(context, 64, 2048, grouped);
  check_normal(entry(groups->state, 0), std::sqrt(2.0 / (2048 * 3 * 3)));
  check_uniform(entry(groups->state, 1), 1 / std::sqrt(16.0 * 3 * 3));
}

TEST_CASE("squeeze and excite: both convolutions, both biases") {
  Context context(testing::device_options(1));
  const auto se = initialized<SqueezeExcite>(context, 784, 196);
  check_normal(entry(se->state, 0), std::sqrt(2.0 / 196));
  check_uniform(entry(se->state, 1), 1 / std::sqrt(784.0));
  check_normal(entry(se->state, 2), std::sqrt(2.0 / 784));
  check_uniform(entry(se->state, 3), 1 / std::sqrt(196.0));
}

TEST_CASE("linear layers: PyTorch's default, and RegNet's head") {
  Context context(testing::device_options(1));
  const auto usual = initialized<Linear>(context, 100, 1000);
  check_uniform(entry(usual->state, 0), 0.1);
  check_uniform(entry(usual->state, 1), 0.1);
  const auto head = initialized<Linear>(context, 100, 1000, Linear::Init::kNormal);
  check_normal(entry(head->state, 0), 0.01);
  testing::check_equal(entry(head->state, 1), testing::Array<double>({1000}, 0.0));
}

TEST_CASE("batch norm: the identity, statistics of a standard normal, no batches") {
  Context context(testing::device_options(1));
  Bound<BatchNorm2d> bn(context, 7);
  bn.state.counters = {9};
  Random random({.seed = 5});
  initialize_all(bn.layer, random);
  const testing::Array<double> zeros({7}, 0.0), ones({7}, 1.0);
  testing::check_equal(entry(bn.state, 0), ones);
  testing::check_equal(entry(bn.state, 1), zeros);
  testing::check_equal(entry(bn.state, 2), zeros);
  testing::check_equal(entry(bn.state, 3), ones);
  CHECK(bn.state.counters == std::vector<int64_t>{0});
}

TEST_CASE("the stream goes on from one tensor to the next, and repeats with its key") {
  Context context(testing::device_options(1));
  const Shape shape{4, 5};
  const auto drawn = [&](uint64_t seed) {
    Random random({.seed = seed, .purpose = Purpose::kInitialWeights});
    const Tensor a(context, shape), b(context, shape);
    fill_normal(random, 1.0, a);
    fill_uniform(random, 1.0, b);
    fill_normal(random, 1.0, b);
    return std::pair(a.to_host(), b.to_host());
  };
  const auto first = drawn(1), again = drawn(1), other = drawn(2);
  CHECK(first == again);
  CHECK(first.first != first.second);
  CHECK(first.first != other.first);
}

}  // namespace
}  // namespace fedcamae
