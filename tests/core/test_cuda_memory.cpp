// Memory of a GPU: what a repeated step takes, what is said where there is none left, copies
// from and to the host.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "core/cuda/memory.h"
#include "core/cuda/transfers.h"
#include "core/ops.h"
#include "tests/support/arrays.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

size_t free_bytes() {
  size_t available = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&available, &total) == cudaSuccess);
  return available;
}

// A network in small: convolution, batch norm with ReLU, pool, product, loss; the gradients of the
// two weights and a step of Adam.
struct SmallStep {
  Context& context;
  ConvSpec conv{.stride = 1, .padding = 1};
  Tensor w, head, gamma, beta, mean, var, m, v;
  int64_t steps = 0;

  explicit SmallStep(Context& c)
      : context(c),
        w(Tensor::full(c, {8, 3, 3, 3}, 0.1f)),
        head(Tensor::full(c, {8, 5}, 0.2f)),
        gamma(Tensor::full(c, {8}, 1.0f)),
        beta(Tensor::zeros(c, {8})),
        mean(Tensor::zeros(c, {8})),
        var(Tensor::full(c, {8}, 1.0f)),
        m(Tensor::zeros(c, w.shape())),
        v(Tensor::zeros(c, w.shape())) {}

  void run(const std::vector<float>& images, const std::vector<int32_t>& targets) {
    const Tensor x = Tensor::from(context, {4, 6, 6, 3}, images);
    const IndexTensor labels = IndexTensor::from(context, targets);
    const BatchNormSpec norm{.relu = true};
    const Tensor z = ops::conv2d(x, w, conv);
    const auto bn = ops::batch_norm_train(z, gamma, beta, Tensor(), norm, mean, var);
    const Tensor features = ops::global_avg_pool(bn.y);
    const auto loss = ops::softmax_cross_entropy(ops::gemm(features, head), labels);
    const Tensor dlogits = ops::softmax_cross_entropy_backward(Tensor::full(context, {}, 1.0f),
                                                               loss.probabilities, labels, 0);
    const Tensor dhead = ops::gemm(features, dlogits, {.transpose_a = true});
    const Tensor dfeatures = ops::gemm(dlogits, head, {.transpose_b = true});
    const ops::BatchNormOutputs out{.dx = Tensor(context, z.shape()),
                                    .dgamma = Tensor(context, {8}),
                                    .dbeta = Tensor(context, {8}),
                                    .dresidual = {}};
    ops::batch_norm_train_backward(ops::global_avg_pool_backward(dfeatures, z.shape()), z, bn.y,
                                   gamma, norm, bn.mean, bn.inv_std, out);
    const Tensor dw(context, w.shape());
    ops::conv2d_backward_weight_into(out.dx, x, conv, dw);
    ops::axpy_(-0.1f, dhead, head);
    ops::adam_step_({.lr = 0.01}, ++steps, dw, w, m, v);
    CHECK(loss.loss.item() > 0);
    CHECK(ops::all_finite(w));
  }
};

TEST_CASE("cuda memory: a step that repeats takes none after its first time") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  testing::Inputs inputs(31);
  const auto images = inputs.reals({4, 6, 6, 3});
  const std::vector<float> pixels(images.data.begin(), images.data.end());
  const std::vector<int32_t> targets = inputs.labels(4, 5);
  SmallStep step(context);
  step.run(pixels, targets);
  const int64_t taken = context.pool_stats().system_allocations;
  const size_t left = free_bytes();
  for (int i = 0; i < 4; ++i) step.run(pixels, targets);
  CHECK(context.pool_stats().system_allocations == taken);
  CHECK(free_bytes() == left);
}

TEST_CASE("cuda memory: fresh memory is NaN as float32 and as bfloat16") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  for (const ElementType type : {ElementType::kFloat32, ElementType::kBfloat16}) {
    Tensor used = Tensor::full(context, {1001}, 1.0f, type);
    used = {};
    for (const float number : Tensor(context, {1001}, type).to_host()) CHECK(std::isnan(number));
  }
}

TEST_CASE("cuda memory: none left is an error that says how much, and what is kept is given back") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  (void)Tensor(context, {1 << 20});  // kept for reuse
  CHECK(context.pool_stats().bytes_held > (4 << 20) - 1);
  try {
    (void)Tensor(context, {int64_t{1} << 38});
    FAIL("a TiB was handed out");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kDevice);
    const std::string text = error.what();
    CAPTURE(text);
    for (const char* part :
         {"[memory] cuda:0 has no 1048576.0 MiB more: ", " MiB of ", " MiB are free",
          "this context holds 0.0 MiB", "; use a smaller batch"})
      CHECK(text.find(part) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
  }
  CHECK(context.pool_stats().bytes_held == 0);
  CHECK(context.pool_stats().bytes_in_use == 0);
  CHECK(ops::sum(Tensor::full(context, {10}, 1.0f)) == 10);
}

TEST_CASE("cuda memory: the second try finds what the pool gave back") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  constexpr size_t kSmall = size_t{512} << 20;
  const size_t available = free_bytes();
  if (available > kSmall) {
    MESSAGE("skipped: filling this device takes long; FAKE_GPU_MEMORY makes the fake one small");
    return;
  }
  const auto most_of = [&](double part) {
    return Shape{static_cast<int64_t>(part * static_cast<double>(available) / sizeof(float))};
  };
  Tensor kept(context, most_of(0.6));
  ops::fill_(kept.window(0, {1000}), 1.0f);  // still queued when its memory goes
  kept = {};
  const Tensor larger(context, most_of(0.7));
  const Tensor end = larger.window(larger.size() - 1000, {1000});
  ops::fill_(end, 2.0f);
  CHECK(ops::sum(end) == 2000);
  CHECK(context.pool_stats().bytes_held < static_cast<int64_t>(available));
}

TEST_CASE("cuda memory: scratch is taken once for all that it is large enough for") {
  if (testing::skip_on_cpu()) return;
  const cuda::Stream stream = cuda::make_stream(0);
  cuda::Memory memory(0, stream.get());
  const auto none = [] { FAIL("there is memory"); };
  void* first = memory.scratch(100000, none);
  CHECK(memory.scratch(100000, none) == first);
  CHECK(memory.scratch(1, none) == first);
  void* larger = memory.scratch(1000000, none);
  CHECK(memory.scratch(100000, none) == larger);
}

TEST_CASE("cuda memory: scratch grows behind the work that uses it") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  // Sums use scratch; each longer one takes a larger buffer while nothing was waited for.
  std::vector<Tensor> sums;
  for (int64_t rows = 1; rows <= 1 << 12; rows *= 4)
    sums.push_back(ops::sum_rows(Tensor::full(context, {rows, 96}, 1.0f)));
  int64_t rows = 1;
  for (const Tensor& sum : sums) {
    CHECK(sum.to_host() == std::vector<float>(96, static_cast<float>(rows)));
    rows *= 4;
  }
}

TEST_CASE("cuda transfers: what the host holds may change as soon as a copy returns") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  constexpr int64_t kSize = 3000;
  std::vector<Tensor> copies;
  std::vector<float> host(kSize);
  for (int i = 0; i < 3 * static_cast<int>(cuda::Transfers::kBuffers); ++i) {
    std::fill(host.begin(), host.end(), static_cast<float>(i));
    copies.push_back(Tensor::from(context, {kSize}, host));
  }
  std::fill(host.begin(), host.end(), -1.0f);
  for (size_t i = 0; i < copies.size(); ++i)
    CHECK(copies[i].to_host() == std::vector<float>(kSize, static_cast<float>(i)));
}

TEST_CASE("cuda transfers: long copies go in pieces, both ways") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  std::vector<float> host(cuda::Transfers::kLargest / sizeof(float) + 1235);
  for (size_t i = 0; i < host.size(); ++i) host[i] = static_cast<float>(i % 1000003);
  const Tensor there = Tensor::from(context, {static_cast<int64_t>(host.size())}, host);
  CHECK(there.to_host() == host);
}

// As the loader does: batch k + 1 is begun before step k is asked for and used after it.
TEST_CASE("cuda transfers: uploads beside the work, into memory that earlier work used") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  Backend& backend = context.backend();
  constexpr int64_t kSize = 5000;
  std::vector<float> host(kSize, 0.0f);
  const auto begin = [&](float value) {
    Tensor batch(context, {kSize});  // from the second step on: memory of an earlier batch
    std::fill(host.begin(), host.end(), value);
    backend.begin_upload(batch.data(), host.data(), host.size() * sizeof(float));
    std::fill(host.begin(), host.end(), -1.0f);
    return batch;
  };
  const Tensor sum = Tensor::zeros(context, {kSize});
  Tensor next = begin(1.0f);
  constexpr int kSteps = 12, kSum = kSteps * (kSteps + 1) / 2;
  for (int k = 1; k <= kSteps; ++k) {
    backend.finish_uploads();
    const Tensor now = next;
    next = begin(static_cast<float>(k + 1));
    ops::axpy_(1.0f, now, sum);
  }
  backend.finish_uploads();
  CHECK(sum.to_host() == std::vector<float>(kSize, kSum));
  CHECK(next.to_host() == std::vector<float>(kSize, kSteps + 1));
}

}  // namespace
}  // namespace fedcamae
