// More data than one grid: threads and blocks walk on to what is left, by the size of the grid.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// Somewhat more than all threads of the largest grid (launch.cuh: kMostBlocks of kThreads) take at
// once, and than its blocks.
constexpr int64_t kBlocks = 132 * 8 * 2, kThreads = 256;
constexpr int64_t kMoreThanThreads = kBlocks * kThreads + 1003;
constexpr int64_t kMoreThanLanes = 4 * kBlocks * kThreads + 1003;
constexpr int64_t kMoreThanBlocks = kBlocks + 100;

// Whole numbers, other ones in every place that a grid's width could confuse.
std::vector<float> numbers(int64_t count, int64_t step) {
  std::vector<float> made(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    made[static_cast<size_t>(i)] = static_cast<float>((i * step) % 1009 - 504);
  return made;
}

// f(context) gives a tensor; the device's must be the CPU's: whole numbers, so nothing is rounded.
template <class F>
void check_as_on_cpu(const F& f) {
  if (testing::skip_on_cpu()) return;
  Context device(testing::device_options(1)), cpu(testing::cpu_options(2));
  CHECK(f(device).to_host() == f(cpu).to_host());
}

TEST_CASE("cuda grids: elementwise") {
  check_as_on_cpu([x = numbers(kMoreThanLanes, 7)](Context& context) {
    return ops::relu(Tensor::from(context, {kMoreThanLanes}, x));
  });
}

TEST_CASE("cuda grids: elementwise at odd addresses, one number a thread") {
  check_as_on_cpu([x = numbers(kMoreThanThreads + 1, 7)](Context& context) {
    Tensor whole = Tensor::from(context, {kMoreThanThreads + 1}, x);
    ops::scale_(2.0f, whole.window(1, {kMoreThanThreads}));
    return whole;
  });
}

TEST_CASE("cuda grids: an optimiser's step") {
  check_as_on_cpu([x = numbers(kMoreThanLanes, 7)](Context& context) {
    const Tensor grad = Tensor::from(context, {kMoreThanLanes}, x);
    Tensor parameter = Tensor::zeros(context, {kMoreThanLanes});
    ops::sgd_step_({.lr = 2}, 1, grad, parameter, {});
    return parameter;
  });
}

TEST_CASE("cuda grids: random numbers") {
  check_as_on_cpu([](Context& context) {
    Tensor x(context, {2 * kMoreThanThreads});
    ops::fill_uniform_({.seed = 5}, 1, -1.0, 1.0, x);
    return x;
  });
}

TEST_CASE("cuda grids: rows with a channel") {
  check_as_on_cpu([x = numbers(kMoreThanThreads, 7)](Context& context) {
    Tensor rows = Tensor::from(context, {kMoreThanThreads, 1}, x);
    ops::add_row_(Tensor::full(context, {1}, 3.0f), rows);
    return rows;
  });
}

TEST_CASE("cuda grids: windows") {
  constexpr int64_t kSide = 737;
  static_assert(kSide * kSide > kBlocks * kThreads);
  check_as_on_cpu([x = numbers(4 * kSide * kSide, 7)](Context& context) {
    return ops::max_pool(Tensor::from(context, {1, 2 * kSide, 2 * kSide, 1}, x),
                         {.window = 2, .stride = 2, .padding = 0});
  });
}

// Rows so long that a block takes one at a time: its shared memory is used again for the next.
TEST_CASE("cuda grids: extremes of rows, which all threads of a row need") {
  check_as_on_cpu([x = numbers(kMoreThanBlocks * 131, 7)](Context& context) {
    Tensor rows = Tensor::from(context, {kMoreThanBlocks, 131}, x);
    ops::scale_to_unit_(rows);
    return rows;
  });
}

TEST_CASE("cuda grids: sums of rows") {
  check_as_on_cpu([x = numbers(kMoreThanBlocks * 131, 7)](Context& context) {
    return ops::sum_last(Tensor::from(context, {kMoreThanBlocks, 131}, x));
  });
}

TEST_CASE("cuda grids: losses of rows") {
  check_as_on_cpu([](Context& context) {
    // Equal logits: every probability is a power of two.
    const Tensor logits = Tensor::full(context, {kMoreThanBlocks, 256}, 3.0f);
    const std::vector<int32_t> labels(static_cast<size_t>(kMoreThanBlocks), 7);
    return ops::softmax_cross_entropy(logits, IndexTensor::from(context, labels)).probabilities;
  });
}

}  // namespace
}  // namespace fedcamae
