// SGD, Adam and AdamW over several steps on every device, against the algorithms of PyTorch's
// documentation in double.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/reference/optimizer.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;

constexpr int64_t kSteps = 6;
// Some ten roundings a step, carried over kSteps steps.
constexpr double kTolerance = 10 * kSteps * testing::kEps;
constexpr int64_t kSizes[] = {1, 17, 1003, 70001};

TEST_CASE("sgd: momentum, dampening, Nesterov, weight decay") {
  const SgdSpec specs[] = {{.lr = 0.1f},
                           {.lr = 0.05f, .weight_decay = 0.01f},
                           {.lr = 0.1f, .momentum = 0.9f},
                           {.lr = 0.1f, .momentum = 0.9f, .dampening = 0.3f, .weight_decay = 0.02f},
                           {.lr = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f, .nesterov = true}};
  Inputs inputs(91);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const SgdSpec& spec : specs)
      for (const int64_t size : kSizes) {
        CAPTURE(spec.momentum);
        CAPTURE(spec.nesterov);
        CAPTURE(size);
        auto parameter = inputs.reals({size});
        Array<double> buffer(Shape{size});
        const Tensor tp = testing::to_tensor(context, parameter);
        const Tensor tb = spec.momentum != 0 ? Tensor::zeros(context, {size}) : Tensor();
        for (int64_t step = 1; step <= kSteps; ++step) {
          const auto grad = inputs.reals({size});
          ops::sgd_step_(spec, step, testing::to_tensor(context, grad), tp, tb);
          reference::sgd_step(spec, step, grad, parameter, buffer);
        }
        testing::check_close(tp, parameter, kTolerance);
      }
  });
}

TEST_CASE("adam and adamw") {
  const AdamSpec specs[] = {{},
                            {.lr = 0.01f, .weight_decay = 0.1f},
                            {.lr = 0.01f, .weight_decay = 0.1f, .decoupled = true},
                            {.lr = 0.02f, .beta1 = 0.5f, .beta2 = 0.75f, .eps = 1e-3f}};
  Inputs inputs(92);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const AdamSpec& spec : specs)
      for (const int64_t size : kSizes) {
        CAPTURE(spec.weight_decay);
        CAPTURE(spec.decoupled);
        CAPTURE(size);
        auto parameter = inputs.reals({size});
        Array<double> m(Shape{size}), v(Shape{size});
        const Tensor tp = testing::to_tensor(context, parameter),
                     tm = Tensor::zeros(context, {size}), tv = Tensor::zeros(context, {size});
        for (int64_t step = 1; step <= kSteps; ++step) {
          const auto grad = inputs.away_from_zero({size}, 0.01);
          ops::adam_step_(spec, step, testing::to_tensor(context, grad), tp, tm, tv);
          reference::adam_step(spec, step, grad, parameter, m, v);
        }
        testing::check_close(tp, parameter, kTolerance);
        testing::check_close(tm, m, kTolerance);
        testing::check_close(tv, v, kTolerance);
      }
  });
}

TEST_CASE("adam: the first step of any gradient moves by lr") {
  testing::on_every_device([&](Context& context) {
    const Tensor p = Tensor::zeros(context, {3}), m = Tensor::zeros(context, {3}),
                 v = Tensor::zeros(context, {3});
    const Tensor grad = Tensor::from(context, {3}, std::vector<float>{1e-3f, -40.0f, 0.0f});
    ops::adam_step_({.lr = 0.5f}, 1, grad, p, m, v);
    const auto host = p.to_host();
    CHECK(host[0] == doctest::Approx(-0.5).epsilon(2e-5));  // eps / |g| = 1e-5
    CHECK(host[1] == doctest::Approx(0.5).epsilon(1e-6));
    CHECK(host[2] == 0.0f);
  });
}

}  // namespace
}  // namespace fedcamae
