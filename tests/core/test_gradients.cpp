// Every backward of the reference against a complex step through the reference's forward: each
// input alone, a random asymmetric output gradient, inputs away from kinks and ties. The devices
// are held against the reference in test_op_*.cpp.
#include <doctest/doctest.h>

#include "core/reference/batch_norm.h"
#include "core/reference/conv.h"
#include "core/reference/elementwise.h"
#include "core/reference/gemm.h"
#include "core/reference/loss.h"
#include "core/reference/pool.h"
#include "tests/support/compare.h"
#include "tests/support/gradient_check.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::check_close;
using testing::Complex;
using testing::complex_step;
using testing::Inputs;
using testing::to_complex;

// Both sides are double, without cancellation: only the rounding of short sums is left.
constexpr double kTolerance = 1e-11;

TEST_CASE("gradients: elementwise") {
  Inputs inputs(1);
  for (const Unary f : {Unary::kRelu, Unary::kSigmoid, Unary::kExp, Unary::kLog, Unary::kSquare,
                        Unary::kNegate, Unary::kSqrt, Unary::kSign}) {
    CAPTURE(static_cast<int>(f));
    const bool positive = f == Unary::kLog || f == Unary::kSqrt;
    const auto x =
        positive ? inputs.uniform({3, 5}, 0.2, 4.0) : inputs.away_from_zero({3, 5}, 0.05);
    const auto dy = inputs.reals(x.shape);
    check_close(reference::unary_backward(f, dy, x),
                complex_step([&](const auto& v) { return reference::unary(f, v); }, x, dy),
                kTolerance);
  }
}

TEST_CASE("gradients: convolution, data and weight") {
  Inputs inputs(2);
  struct Case {
    Shape x, w;
    ConvSpec spec;
  };
  for (const Case& c : {Case{{2, 4, 5, 3}, {2, 3, 3, 3}, {.stride = 1, .padding = 1}},
                        Case{{1, 5, 6, 4}, {6, 3, 2, 2}, {.stride = 2, .padding = 1, .groups = 2}},
                        Case{{1, 6, 5, 3}, {3, 3, 3, 1}, {.stride = 3, .padding = 0, .groups = 3}},
                        Case{{2, 3, 3, 2}, {4, 1, 1, 2}, {.stride = 2, .padding = 0}}}) {
    const auto x = inputs.reals(c.x), w = inputs.reals(c.w);
    const auto dy = inputs.reals(reference::conv2d_shape(c.x, c.w, c.spec));
    check_close(
        reference::conv2d_backward_data(dy, w, c.x, c.spec),
        complex_step([&](const auto& v) { return reference::conv2d(v, to_complex(w), c.spec); }, x,
                     dy),
        kTolerance);
    check_close(
        reference::conv2d_backward_weight(dy, x, c.w, c.spec),
        complex_step([&](const auto& v) { return reference::conv2d(to_complex(x), v, c.spec); }, w,
                     dy),
        kTolerance);
  }
}

TEST_CASE("gradients: a linear layer's, as matrix products") {
  Inputs inputs(3);
  const auto x = inputs.reals({4, 3}), w = inputs.reals({5, 3}), dy = inputs.reals({4, 5});
  const auto forward = [](const Array<Complex>& a, const Array<Complex>& b) {
    Array<Complex> y(Shape{4, 5});
    reference::gemm({.transpose_b = true}, a, b, y);
    return y;
  };
  Array<double> dx(x.shape), dw(w.shape);
  reference::gemm({}, dy, w, dx);
  reference::gemm({.transpose_a = true}, dy, x, dw);
  check_close(dx, complex_step([&](const auto& v) { return forward(v, to_complex(w)); }, x, dy),
              kTolerance);
  check_close(dw, complex_step([&](const auto& v) { return forward(to_complex(x), v); }, w, dy),
              kTolerance);
}

TEST_CASE("gradients: pooling") {
  Inputs inputs(4);
  for (const PoolSpec& spec :
       {PoolSpec{.window = 2, .stride = 2}, PoolSpec{.window = 3, .stride = 2, .padding = 1},
        PoolSpec{.window = 3, .stride = 1, .padding = 1}, PoolSpec{.window = 2, .stride = 3}}) {
    const auto x = inputs.distinct({2, 5, 6, 3});
    const auto dy = inputs.reals(reference::pool_shape(x.shape, spec));
    check_close(reference::max_pool_backward(dy, x, spec),
                complex_step([&](const auto& v) { return reference::max_pool(v, spec); }, x, dy),
                kTolerance);
    check_close(reference::avg_pool_backward(dy, x.shape, spec),
                complex_step([&](const auto& v) { return reference::avg_pool(v, spec); }, x, dy),
                kTolerance);
  }
  const auto x = inputs.reals({2, 3, 5, 4}), dy = inputs.reals({2, 4});
  check_close(reference::global_avg_pool_backward(dy, x.shape),
              complex_step([&](const auto& v) { return reference::global_avg_pool(v); }, x, dy),
              kTolerance);
}

TEST_CASE("gradients: channel gating") {
  Inputs inputs(5);
  const auto x = inputs.reals({2, 3, 2, 4}), gate = inputs.reals({2, 4}),
             dy = inputs.reals(x.shape);
  const auto d = reference::scale_channels_backward(dy, x, gate);
  check_close(
      d.dx,
      complex_step([&](const auto& v) { return reference::scale_channels(v, to_complex(gate)); }, x,
                   dy),
      kTolerance);
  check_close(
      d.dgate,
      complex_step([&](const auto& v) { return reference::scale_channels(to_complex(x), v); }, gate,
                   dy),
      kTolerance);
}

struct BatchNormInputs {
  Array<double> x, gamma, beta, residual, mean, var, dy;
};

// With these inputs the smallest |y| before the ReLU is far above what a step of 1e-30 moves.
BatchNormInputs batch_norm_inputs(uint64_t seed, bool with_residual) {
  Inputs inputs(seed);
  const Shape shape{2, 3, 2, 5}, channels{5};
  return {inputs.reals(shape, 1.5, 2.0),
          inputs.uniform(channels, 0.5, 2.0),
          inputs.reals(channels),
          with_residual ? inputs.reals(shape) : Array<double>(),
          inputs.reals(channels),
          inputs.uniform(channels, 0.5, 3.0),
          inputs.reals(shape)};
}

// forward(x, gamma, beta, residual) -> y, complex; each argument is moved alone.
template <class F>
void check_batch_norm(const F& forward, const BatchNormInputs& in,
                      const reference::BatchNormGradients<double>& d) {
  const auto x = to_complex(in.x), gamma = to_complex(in.gamma), beta = to_complex(in.beta),
             residual = to_complex(in.residual);
  const auto step = [&](const Array<double>& at, const auto& f) {
    return complex_step(f, at, in.dy);
  };
  check_close(d.dx, step(in.x, [&](const auto& v) { return forward(v, gamma, beta, residual); }),
              kTolerance);
  check_close(d.dgamma,
              step(in.gamma, [&](const auto& v) { return forward(x, v, beta, residual); }),
              kTolerance);
  check_close(d.dbeta, step(in.beta, [&](const auto& v) { return forward(x, gamma, v, residual); }),
              kTolerance);
  if (in.residual.size() > 0)
    check_close(d.dresidual,
                step(in.residual, [&](const auto& v) { return forward(x, gamma, beta, v); }),
                kTolerance);
}

TEST_CASE("gradients: batch norm, training and evaluation, with what is fused") {
  for (const bool relu : {false, true})
    for (const bool with_residual : {false, true}) {
      CAPTURE(relu);
      CAPTURE(with_residual);
      const BatchNormInputs in = batch_norm_inputs(6, with_residual);
      const BatchNormSpec spec{.relu = relu};
      const auto mean = to_complex(in.mean), var = to_complex(in.var);
      const auto train =
          reference::batch_norm_train(in.x, in.gamma, in.beta, in.residual, spec, in.mean, in.var);
      check_batch_norm(
          [&](const auto& x, const auto& gamma, const auto& beta, const auto& residual) {
            return reference::batch_norm_train(x, gamma, beta, residual, spec, mean, var).y;
          },
          in,
          reference::batch_norm_train_backward(in.dy, in.x, train.y, in.gamma, spec, train.mean,
                                               train.inv_std));
      const auto y =
          reference::batch_norm_eval(in.x, in.gamma, in.beta, in.residual, spec, in.mean, in.var);
      check_batch_norm(
          [&](const auto& x, const auto& gamma, const auto& beta, const auto& residual) {
            return reference::batch_norm_eval(x, gamma, beta, residual, spec, mean, var);
          },
          in, reference::batch_norm_eval_backward(in.dy, in.x, y, in.gamma, spec, in.mean, in.var));
    }
}

TEST_CASE("gradients: softmax cross-entropy with label smoothing") {
  Inputs inputs(7);
  const auto logits = inputs.reals({4, 6});
  const auto labels = inputs.labels(4, 6);
  const Array<double> dloss(Shape{}, -0.75);
  for (const double smoothing : {0.0, 0.1}) {
    const auto forward = reference::softmax_cross_entropy(logits, labels, smoothing);
    check_close(reference::softmax_cross_entropy_backward(dloss[0], forward.probabilities, labels,
                                                          smoothing),
                complex_step(
                    [&](const auto& v) {
                      return Array<Complex>(
                          Shape{}, reference::softmax_cross_entropy(v, labels, smoothing).loss);
                    },
                    logits, dloss),
                kTolerance);
  }
}

}  // namespace
}  // namespace fedcamae
