// The device under test against the CPU: a few steps of training on each, from the same weights.
#include <doctest/doctest.h>

#include <cmath>

#include "layers/optimizer.h"
#include "tests/models/golden.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// Float32 sums in another order: a loss is right to a few units in the sixth digit at first, and
// the steps multiply that. The way is that of the weights: Adam divides by the gradient's size, so
// what is nearly zero moves by its rounding errors; an error of the device is of the way's own
// size.
struct Tolerance {
  double loss, way, statistics;
};
constexpr Tolerance kExact{1e-4, 1e-2, 1e-4};
// A sum in another order now and then rounds to the next bfloat16, an eps of 2^-8 away.
constexpr Tolerance kBf16{1e-2, 0.25, 1e-2};
// Every factor of a product is rounded to 10 bits, an eps of 2^-10, and the CPU's is not.
constexpr Tolerance kTf32{1e-3, 0.1, 1e-3};

// Eight images, where the last maps are one pixel: batch norm over two values is a sign, and would
// magnify rounding without bound.
struct Case {
  std::string arch, optimizer;
  int64_t side, batch;
  int steps = 3;
};

struct Trained {
  std::vector<double> losses;
  std::vector<float> before, after, statistics;
};

Trained train_on(const ContextOptions& options, const Case& c) {
  Context context(options);
  const auto model = testing::reference_model(c.arch, 5, context);
  const auto batch = testing::reference_batch(c.batch, c.side, c.side, 5, context);
  const double lr = c.optimizer == "sgd" ? 0.01 : 1e-3;
  Optimizer optimizer({.type = c.optimizer, .momentum = c.optimizer == "sgd" ? 0.9 : 0.0},
                      model->parameters(), model->gradients());
  Trained result;
  result.before = model->parameters().to_host();
  for (int i = 0; i < c.steps; ++i) {
    result.losses.push_back(testing::training_step(*model, batch));
    optimizer.step(lr);
  }
  result.after = model->parameters().to_host();
  result.statistics = model->statistics().to_host();
  return result;
}

void check_same_training(const ContextOptions& there, const ContextOptions& here, const Case& c,
                         const Tolerance& tolerance) {
  CAPTURE(c.arch);
  const Trained device = train_on(there, c), cpu = train_on(here, c);
  for (size_t i = 0; i < device.losses.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(device.losses[i] - cpu.losses[i]) <= tolerance.loss * cpu.losses[i]);
  }
  CHECK(testing::euclidean_distance(device.statistics, cpu.statistics) <=
        tolerance.statistics * testing::euclidean_norm(cpu.statistics));
  if (c.steps == 1) return;
  CHECK(cpu.losses.back() < cpu.losses.front());
  CHECK(testing::euclidean_distance(device.after, cpu.after) <=
        tolerance.way * testing::euclidean_distance(cpu.after, cpu.before));
}

// Rounded numbers put the inputs of some ReLUs on the other side of zero, after which gradients of
// the deep networks part by half their length (as PyTorch's autocast from its own float32):
// there the first step's loss and statistics are compared, and training on the shallow one.
const Case kRounded[] = {{"small_cnn", "adam", 8, 4},
                         {"tiny_resnet", "sgd", 32, 8, 1},
                         {"tiny_regnet", "sgd", 32, 8, 1}};

ContextOptions in_precision(ContextOptions options, Precision precision) {
  options.precision = precision;
  return options;
}

TEST_CASE("training a network on the device is training it on the CPU") {
  if (testing::skip_on_cpu()) return;
  for (const Case& c : {Case{"small_cnn", "adam", 8, 4}, Case{"tiny_resnet", "sgd", 32, 8},
                        Case{"tiny_regnet", "sgd", 32, 8}})
    check_same_training(testing::device_options(1), testing::cpu_options(2), c, kExact);
}

TEST_CASE("training in bf16 on the device is training in bf16 on the CPU") {
  if (testing::skip_on_cpu()) return;
  for (const Case& c : kRounded)
    check_same_training(in_precision(testing::device_options(1), Precision::kBf16),
                        in_precision(testing::cpu_options(2), Precision::kBf16), c, kBf16);
}

TEST_CASE("training in tf32 on the device is near training in float32 on the CPU") {
  if (testing::skip_on_cpu()) return;
  for (const Case& c : kRounded)
    check_same_training(in_precision(testing::device_options(1), Precision::kTf32),
                        testing::cpu_options(2), c, kTf32);
}

}  // namespace
}  // namespace fedcamae
