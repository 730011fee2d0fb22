// The streams of several contexts on one GPU: nothing but wait_for orders them.
#include <doctest/doctest.h>

#include <thread>

#include "core/ops.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

constexpr int64_t kSize = 4000;

std::vector<float> all(float value) { return std::vector<float>(kSize, value); }

TEST_CASE("cuda streams: wait_for orders what was asked before it, in one direction") {
  if (testing::skip_on_cpu()) return;
  Context a(testing::device_options(1)), b(testing::device_options(1));
  const Tensor x = Tensor::full(a, {kSize}, 1.0f), y(b, {kSize});
  for (int i = 1; i <= 5; ++i) {
    ops::scale_(2.0f, x);
    b.backend().wait_for(a.backend());
    b.backend().copy(x.data(), y.data(), kSize * sizeof(float));
    a.backend().wait_for(b.backend());  // before x is written to again
    ops::scale_(1.0f, x);
    CHECK(y.to_host() == all(static_cast<float>(1 << i)));
  }
  a.backend().wait_for(a.backend());  // of itself: nothing to wait for
  CHECK(x.to_host() == all(32.0f));
}

// As in a round: the workers read the server's state at once, each into its own context, and the
// server takes their results afterwards.
TEST_CASE("cuda streams: several threads wait for one backend and it for them") {
  if (testing::skip_on_cpu()) return;
  Context server(testing::device_options(1));
  const Tensor global = Tensor::full(server, {kSize}, 1.0f);
  constexpr int kWorkers = 4, kRounds = 3;
  std::vector<std::unique_ptr<Context>> contexts;
  for (int w = 0; w < kWorkers; ++w)
    contexts.push_back(std::make_unique<Context>(testing::device_options(1)));
  float expected = 1.0f;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Tensor> updates(kWorkers);
    std::vector<std::thread> threads;
    for (int w = 0; w < kWorkers; ++w)
      threads.emplace_back([&, w] {
        const Tensor local = global.to(*contexts[static_cast<size_t>(w)]);
        ops::scale_(static_cast<float>(w + 1), local);
        updates[static_cast<size_t>(w)] = local;
      });
    for (std::thread& thread : threads) thread.join();
    for (const Tensor& update : updates) ops::axpy_(1.0f, update, global);
    expected += expected * (1 + 2 + 3 + 4);
  }
  CHECK(global.to_host() == all(expected));
}

TEST_CASE("cuda streams: a tensor may be released by another thread") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  Tensor x = Tensor::full(context, {kSize}, 1.0f);
  const Tensor y = ops::add(x, x);
  std::thread([gone = std::move(x)]() mutable { gone = {}; }).join();
  x = {};
  const Tensor z = Tensor::full(context, {kSize}, 5.0f);  // the same memory
  CHECK(y.to_host() == all(2.0f));
  CHECK(z.to_host() == all(5.0f));
  CHECK(context.pool_stats().system_allocations <= 2);
}

TEST_CASE("cuda streams: each context names its device and takes part in its own stream alone") {
  if (testing::skip_on_cpu()) return;
  Context context(testing::device_options(1));
  CHECK(context.backend().name().starts_with("cuda:0 "));
  CHECK(context.backend().name().find("cuDNN 9") != std::string::npos);
}

}  // namespace
}  // namespace fedcamae
