// The device under test against the CPU: a few steps of training on each, from the same weights.
#include <doctest/doctest.h>

#include <cmath>

#include "layers/optimizer.h"
#include "tests/models/golden.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

constexpr int kSteps = 3;
// Float32 sums in another order: a loss is right to a few units in the sixth digit at first, and
// the steps multiply that.
constexpr double kLoss = 1e-4;
// Of the way that the weights went. Adam divides by the gradient's size, so what is nearly zero
// moves by its rounding errors; an error of the device is of the way's own size.
constexpr double kWay = 1e-2;

struct Case {
  std::string arch, optimizer;
  int64_t side, batch;
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
  for (int i = 0; i < kSteps; ++i) {
    result.losses.push_back(testing::training_step(*model, batch));
    optimizer.step(lr);
  }
  result.after = model->parameters().to_host();
  result.statistics = model->statistics().to_host();
  return result;
}

TEST_CASE("training a network on the device is training it on the CPU") {
  if (testing::skip_on_cpu()) return;
  for (const Case& c : {Case{"small_cnn", "adam", 8, 4}, Case{"tiny_resnet", "sgd", 32, 2},
                        Case{"tiny_regnet", "sgd", 32, 2}}) {
    CAPTURE(c.arch);
    const Trained device = train_on(testing::device_options(1), c);
    const Trained cpu = train_on(testing::cpu_options(2), c);
    for (size_t i = 0; i < kSteps; ++i) {
      CAPTURE(i);
      CHECK(std::abs(device.losses[i] - cpu.losses[i]) <= kLoss * cpu.losses[i]);
    }
    CHECK(cpu.losses.back() < cpu.losses.front());
    CHECK(testing::euclidean_distance(device.after, cpu.after) <=
          kWay * testing::euclidean_distance(cpu.after, cpu.before));
    CHECK(testing::euclidean_distance(device.statistics, cpu.statistics) <=
          kLoss * testing::euclidean_norm(cpu.statistics));
  }
}

}  // namespace
}  // namespace fedcamae
