// A training step that repeats takes nothing from the system after its first time.
#include <doctest/doctest.h>

#include "layers/losses.h"
#include "layers/optimizer.h"
#include "models/model.h"
#include "tests/models/golden.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

struct Case {
  std::string arch;
  int64_t side, batch;
};

// Bytes in use at the peak, as a multiple of what must be there: parameters, gradients, two
// moments, and the activations that backward reads, each once. The rest are gradients of
// activations on their way down and the kernels' own buffers (a layer or two at a time: at
// most 1.17 is measured).
constexpr double kMost = 1.25;

// Bytes of what the closures keep: the outputs of convolutions and of batch norms.
double kept_bytes(Model& model, const testing::ReferenceBatch& batch) {
  const int64_t before = model.context().pool_stats().bytes_in_use;
  const Var loss = cross_entropy(model.forward(batch.images), batch.labels);
  return static_cast<double>(model.context().pool_stats().bytes_in_use - before);
}

// On the CPU alone, for the fake GPU's sake: test_cuda_memory has the GPU's pool.
TEST_CASE("training steps reuse the memory of the first, forward and backward, Adam and SGD" *
          doctest::test_suite("cpu_only")) {
  for (const Case& c :
       {Case{"small_cnn", 32, 16}, Case{"tiny_regnet", 32, 8}, Case{"resnet50", 32, 2}}) {
    CAPTURE(c.arch);
    Context context(testing::device_options(2));
    const auto model = testing::reference_model(c.arch, 10, context);
    const auto batch = testing::reference_batch(c.batch, c.side, c.side, 10, context);
    Optimizer adam({.type = "adam"}, model->parameters(), model->gradients());
    const auto step = [&] {
      testing::training_step(*model, batch);
      adam.step(1e-4);
      return context.pool_stats();
    };
    const PoolStats first = step();
    for (int i = 0; i < 2; ++i) {
      const PoolStats again = step();
      CHECK(again.system_allocations == first.system_allocations);
      CHECK(again.bytes_held == first.bytes_held);
      CHECK(again.bytes_in_use == first.bytes_in_use);
    }
    const auto state = static_cast<double>(4 * 4 * model->parameter_count());
    const double needed = state + kept_bytes(*model, batch);
    CHECK(static_cast<double>(first.peak_bytes_in_use) >= needed);
    CHECK(static_cast<double>(first.peak_bytes_in_use) <= kMost * needed);
  }
}

TEST_CASE("evaluation keeps nothing, and repeats without the system too") {
  Context context(testing::device_options(2));
  const auto model = testing::reference_model("tiny_resnet", 10, context);
  const auto batch = testing::reference_batch(4, 64, 64, 10, context);
  model->set_training(false);
  const NoGrad no_grad;
  const int64_t before = context.pool_stats().bytes_in_use;
  model->forward(batch.images);
  const PoolStats first = context.pool_stats();
  CHECK(first.bytes_in_use == before);
  model->forward(batch.images);
  CHECK(context.pool_stats().system_allocations == first.system_allocations);
}

}  // namespace
}  // namespace fedcamae
