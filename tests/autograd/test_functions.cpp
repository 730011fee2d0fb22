// Every operation of autograd/functions.h: its value, and the gradient of each argument alone and
// of all together, against a complex step through the definition in core/reference.
#include "autograd/functions.h"

#include "core/reference/batch_norm.h"
#include "core/reference/conv.h"
#include "core/reference/elementwise.h"
#include "core/reference/gemm.h"
#include "core/reference/loss.h"
#include "core/reference/pool.h"
#include "tests/autograd/op_case.h"

namespace fedcamae {
namespace {

using testing::Array;
using testing::check_op;
using testing::Complex;
using testing::Inputs;
using testing::OpCase;
using testing::to_complex;
using Vars = std::span<const Var>;
using Values = OpCase::ComplexValues;

TEST_CASE("relu, sigmoid and exp") {
  Inputs inputs(1);
  const auto x = inputs.away_from_zero({3, 7}, 0.05);
  check_op({{x},
            [](Vars v) { return relu(v[0]); },
            [](const Values& v) { return reference::unary(Unary::kRelu, v[0]); }});
  check_op({{x},
            [](Vars v) { return sigmoid(v[0]); },
            [](const Values& v) { return reference::unary(Unary::kSigmoid, v[0]); }});
  check_op({{x},
            [](Vars v) { return exp(v[0]); },
            [](const Values& v) { return reference::unary(Unary::kExp, v[0]); }});
}

TEST_CASE("add, mul, add_bias, reshape") {
  Inputs inputs(2);
  const auto a = inputs.reals({2, 3, 5}), b = inputs.reals({2, 3, 5}), row = inputs.reals({5});
  check_op({{a, b},
            [](Vars v) { return v[0] + v[1]; },
            [](const Values& v) { return reference::binary(Binary::kAdd, v[0], v[1]); }});
  check_op({{a, b},
            [](Vars v) { return v[0] * v[1]; },
            [](const Values& v) { return reference::binary(Binary::kMultiply, v[0], v[1]); }});
  check_op({{a, row},
            [](Vars v) { return add_bias(v[0], v[1]); },
            [](const Values& v) { return reference::add_row(v[1], v[0]); }});
  check_op({{a},
            [](Vars v) {
              return reshape(v[0], {10, 3});
            },
            [](const Values& v) {
              Array<Complex> y = v[0];
              y.shape = {10, 3};
              return y;
            }});
}

TEST_CASE("conv2d with groups, strides and padding, with a bias and without") {
  Inputs inputs(3);
  struct Case {
    Shape x, w;
    ConvSpec spec;
  };
  for (const Case& c :
       {Case{{2, 4, 5, 3}, {2, 3, 3, 3}, {.stride = 1, .padding = 1}},
        Case{{1, 5, 6, 4}, {6, 3, 3, 2}, {.stride = 2, .padding = 1, .groups = 2}},
        Case{{1, 6, 5, 3}, {3, 3, 3, 1}, {.stride = 1, .padding = 0, .groups = 3}},
        Case{{2, 3, 3, 4}, {5, 1, 1, 4}, {}}, Case{{2, 4, 3, 2}, {3, 1, 1, 2}, {.stride = 2}},
        Case{{1, 9, 8, 3}, {4, 7, 7, 3}, {.stride = 2, .padding = 3}}}) {
    CAPTURE(c.w.str());
    const auto x = inputs.reals(c.x), w = inputs.reals(c.w), bias = inputs.reals({c.w[0]});
    const ConvSpec spec = c.spec;
    check_op({{x, w},
              [=](Vars v) { return conv2d(v[0], v[1], Var(), spec); },
              [=](const Values& v) { return reference::conv2d(v[0], v[1], spec); }});
    check_op({{x, w, bias},
              [=](Vars v) { return conv2d(v[0], v[1], v[2], spec); },
              [=](const Values& v) {
                return reference::add_row(v[2], reference::conv2d(v[0], v[1], spec));
              }});
  }
}

Array<Complex> times_transposed(const Array<Complex>& x, const Array<Complex>& w) {
  Array<Complex> y(Shape{x.shape[0], w.shape[0]});
  reference::gemm({.transpose_b = true}, x, w, y);
  return y;
}

TEST_CASE("linear, with a bias and without") {
  Inputs inputs(4);
  const auto x = inputs.reals({4, 7}), w = inputs.reals({3, 7}), bias = inputs.reals({3});
  check_op({{x, w},
            [](Vars v) { return linear(v[0], v[1], Var()); },
            [](const Values& v) { return times_transposed(v[0], v[1]); }});
  check_op(
      {{x, w, bias},
       [](Vars v) { return linear(v[0], v[1], v[2]); },
       [](const Values& v) { return reference::add_row(v[2], times_transposed(v[0], v[1])); }});
}

TEST_CASE("batch norm in training and evaluation, with what is fused to it") {
  Inputs inputs(5);
  const Shape shape{2, 3, 2, 5}, channels{5};
  const auto x = inputs.reals(shape, 1.5, 2.0), gamma = inputs.uniform(channels, 0.5, 2.0),
             beta = inputs.reals(channels), residual = inputs.reals(shape),
             mean = inputs.reals(channels), var = inputs.uniform(channels, 0.5, 3.0);
  const auto old_mean = to_complex(mean), old_var = to_complex(var);
  for (const bool relu : {false, true})
    for (const bool with_residual : {false, true}) {
      CAPTURE(relu);
      CAPTURE(with_residual);
      const BatchNormSpec spec{.relu = relu};
      OpCase::Values arguments = {x, gamma, beta};
      if (with_residual) arguments.push_back(residual);
      const auto op = [&](const auto& norm) {
        return [&, norm](Vars v) {
          Context& context = v[0].value().context();
          return norm(v[0], v[1], v[2], v.size() > 3 ? v[3] : Var(), spec,
                      testing::to_tensor(context, mean), testing::to_tensor(context, var));
        };
      };
      const auto shortcut = [](const Values& v) { return v.size() > 3 ? v[3] : Array<Complex>(); };
      check_op({arguments, op(batch_norm_train), [&](const Values& v) {
                  return reference::batch_norm_train(v[0], v[1], v[2], shortcut(v), spec, old_mean,
                                                     old_var)
                      .y;
                }});
      check_op({arguments, op(batch_norm_eval), [&](const Values& v) {
                  return reference::batch_norm_eval(v[0], v[1], v[2], shortcut(v), spec, old_mean,
                                                    old_var);
                }});
    }
}

TEST_CASE("pools") {
  Inputs inputs(6);
  for (const PoolSpec& spec :
       {PoolSpec{.window = 2, .stride = 2}, PoolSpec{.window = 3, .stride = 2, .padding = 1},
        PoolSpec{.window = 3, .stride = 1, .padding = 1}, PoolSpec{.window = 2, .stride = 3}}) {
    const auto x = inputs.distinct({2, 5, 6, 3});
    check_op({{x},
              [=](Vars v) { return max_pool(v[0], spec); },
              [=](const Values& v) { return reference::max_pool(v[0], spec); }});
    check_op({{x},
              [=](Vars v) { return avg_pool(v[0], spec); },
              [=](const Values& v) { return reference::avg_pool(v[0], spec); }});
  }
  check_op({{inputs.reals({2, 3, 5, 4})},
            [](Vars v) { return global_avg_pool(v[0]); },
            [](const Values& v) { return reference::global_avg_pool(v[0]); }});
}

TEST_CASE("channel gating") {
  Inputs inputs(7);
  check_op({{inputs.reals({2, 3, 2, 5}), inputs.reals({2, 5})},
            [](Vars v) { return scale_channels(v[0], v[1]); },
            [](const Values& v) { return reference::scale_channels(v[0], v[1]); }});
}

Array<Complex> scalar(Complex value) { return Array<Complex>(Shape{}, value); }

TEST_CASE("softmax cross-entropy with label smoothing") {
  Inputs inputs(8);
  const auto labels = inputs.labels(4, 6);
  for (const float smoothing : {0.0f, 0.1f}) {
    CAPTURE(smoothing);
    check_op({{inputs.reals({4, 6})},
              [&](Vars v) {
                const auto index = IndexTensor::from(v[0].value().context(), labels);
                return softmax_cross_entropy(v[0], index, smoothing);
              },
              [&](const Values& v) {
                const auto e = static_cast<double>(smoothing);
                return scalar(reference::softmax_cross_entropy(v[0], labels, e).loss);
              }});
  }
}

TEST_CASE("mean squared error") {
  Inputs inputs(9);
  const auto target = inputs.reals({3, 2, 4});
  check_op({{inputs.reals({3, 2, 4})},
            [&](Vars v) {
              return mean_squared_error(v[0], testing::to_tensor(v[0].value().context(), target));
            },
            [&](const Values& v) { return scalar(reference::mse(v[0], to_complex(target))); }});
}

TEST_CASE("binary cross-entropy of logits, with a weight on the positive ones") {
  Inputs inputs(11);
  const auto target = inputs.uniform({3, 4}, 0, 1);
  for (const float weight : {1.0f, 2.5f})
    check_op({{inputs.reals({3, 4})},
              [&](Vars v) {
                return binary_cross_entropy(
                    v[0], testing::to_tensor(v[0].value().context(), target), weight);
              },
              [&](const Values& v) {
                Complex sum = 0;
                for (int64_t i = 0; i < 12; ++i) {
                  const Complex p = 1.0 / (1.0 + std::exp(-v[0][i]));
                  sum -= static_cast<double>(weight) * target[i] * std::log(p) +
                         (1 - target[i]) * std::log(1.0 - p);
                }
                return scalar(sum / 12.0);
              }});
  // Logits far out: the loss is linear in them (-log sigmoid(-200) = 200), not infinite.
  Context context(testing::device_options(1));
  const auto mean = [&](float logit, float t) {
    const Tensor x = Tensor::full(context, {2}, logit), truth = Tensor::full(context, {2}, t);
    return binary_cross_entropy(Var::constant(x), truth, 3).value().item();
  };
  CHECK(mean(200, 0) == 200);
  CHECK(mean(-200, 1) == 600);
  CHECK(mean(200, 1) == 0);
}

TEST_CASE("a weighted sum") {
  Inputs inputs(12);
  const auto weights = inputs.reals({2, 3, 4});
  check_op({{inputs.reals({2, 3, 4})},
            [&](Vars v) {
              return weighted_sum(v[0], testing::to_tensor(v[0].value().context(), weights));
            },
            [&](const Values& v) {
              Complex sum = 0;
              for (int64_t i = 0; i < 24; ++i) sum += weights[i] * v[0][i];
              return scalar(sum);
            }});
}

TEST_CASE("the scores of one class per row") {
  Inputs inputs(10);
  const auto classes = inputs.labels(5, 4);
  check_op({{inputs.reals({5, 4})},
            [&](Vars v) {
              return pick_and_sum(v[0], IndexTensor::from(v[0].value().context(), classes));
            },
            [&](const Values& v) {
              Complex sum = 0;
              for (int64_t n = 0; n < 5; ++n) sum += v[0](n, classes[static_cast<size_t>(n)]);
              return scalar(sum);
            }});
}

TEST_CASE("a wrong shape, label or class is an error") {
  Context context(testing::device_options(1));
  const auto constant = [&](const Shape& shape) {
    return Var::constant(Tensor::zeros(context, shape));
  };
  const std::vector<int32_t> good = {0, 1}, high = {0, 3}, negative = {-1, 0}, few = {0};
  const auto index = [&](const std::vector<int32_t>& v) { return IndexTensor::from(context, v); };
  CHECK_NOTHROW(pick_and_sum(constant({2, 3}), index(good)));
  CHECK_THROWS_AS(pick_and_sum(constant({2, 3}), index(high)), Error);
  CHECK_THROWS_AS(pick_and_sum(constant({2, 3}), index(negative)), Error);
  CHECK_THROWS_AS(pick_and_sum(constant({2, 3}), index(few)), Error);
  CHECK_THROWS_AS(softmax_cross_entropy(constant({2, 3}), index(high)), Error);
  CHECK_THROWS_AS(softmax_cross_entropy(constant({2, 3}), index(few)), Error);
  CHECK_THROWS_AS(mean_squared_error(constant({2, 3}), Tensor::zeros(context, {3, 2})), Error);
  CHECK_THROWS_AS(linear(constant({2, 3}), constant({4, 5}), Var()), Error);
  CHECK_THROWS_AS(linear(constant({2, 3}), constant({4, 3}), constant({3})), Error);
  CHECK_THROWS_AS(add(constant({2, 3}), constant({3, 2})), Error);
  CHECK_THROWS_AS(conv2d(constant({1, 4, 4, 3}), constant({2, 3, 3, 2}), Var()), Error);
  CHECK_THROWS_AS(scale_channels(constant({1, 4, 4, 3}), constant({1, 4})), Error);
  CHECK_THROWS_AS(reshape(constant({2, 3}), {7}), Error);
}

}  // namespace
}  // namespace fedcamae
