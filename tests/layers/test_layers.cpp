// Each layer: value and gradients against its definition, the names of its state, impossible specs.
#include <doctest/doctest.h>

#include "core/reference/batch_norm.h"
#include "core/reference/conv.h"
#include "core/reference/elementwise.h"
#include "core/reference/gemm.h"
#include "core/reference/pool.h"
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/pool.h"
#include "layers/sequential.h"
#include "layers/squeeze_excite.h"
#include "tests/layers/layer_case.h"

namespace fedcamae {
namespace {

using testing::Array;
using testing::Bound;
using testing::check_layer;
using testing::Complex;
using testing::Inputs;
using Values = testing::OpCase::ComplexValues;

// "name kind [torch shape] [shape] offset" of every entry.
template <class Layer, class... Args>
std::vector<std::string> state_of(Args&&... args) {
  Context context(testing::device_options(1));
  const Bound<Layer> bound(context, std::forward<Args>(args)...);
  std::vector<std::string> lines;
  for (const StateEntry& e : bound.state.entries) {
    const char* kind = e.kind == EntryKind::kParameter   ? "parameter"
                       : e.kind == EntryKind::kStatistic ? "statistic"
                                                         : "counter";
    lines.push_back(fmt::format("{} {} [{}] {} {}", e.name, kind, fmt::join(e.torch_shape, ", "),
                                e.shape, e.offset));
  }
  return lines;
}
using Lines = std::vector<std::string>;

// forward() of any layer.
const auto kForward = [](Module& layer, const Var& x) { return layer(x); };
template <class Layer, class... Args>
auto made_of(Args... args) {
  return [=](Context& context) { return std::make_unique<Bound<Layer>>(context, args...); };
}

TEST_CASE("conv2d") {
  Inputs inputs(21);
  struct Case {
    int64_t in, out;
    Conv2dSpec spec;
  };
  for (const Case& c : {Case{3, 4, {.kernel = 3}}, Case{3, 5, {.kernel = 1, .stride = 2}},
                        Case{4, 6, {.kernel = 3, .stride = 2, .groups = 2}},
                        Case{4, 6, {.kernel = 3, .groups = 2, .bias = true}},
                        Case{3, 2, {.kernel = 7, .stride = 2, .bias = true}}}) {
    CAPTURE(c.spec.kernel);
    CAPTURE(c.spec.groups);
    // PyTorch's nn.Conv2d(in, out, kernel, stride, padding=kernel // 2, groups=groups, bias=bias).
    const ConvSpec conv{
        .stride = c.spec.stride, .padding = c.spec.kernel / 2, .groups = c.spec.groups};
    check_layer(inputs.reals({2, 5, 6, c.in}), made_of<Conv2d>(c.in, c.out, c.spec), kForward,
                [&](const Values& v) {
                  const Array<Complex> y = reference::conv2d(v[0], v[1], conv);
                  return c.spec.bias ? reference::add_row(v[2], y) : y;
                });
  }
  CHECK(state_of<Conv2d>(4, 6, Conv2dSpec{.kernel = 3, .groups = 2, .bias = true}) ==
        Lines{"weight parameter [6, 2, 3, 3] [6, 3, 3, 2] 0", "bias parameter [6] [6] 108"});
  CHECK(state_of<Conv2d>(4, 6) == Lines{"weight parameter [6, 4, 1, 1] [6, 1, 1, 4] 0"});
  CHECK(Conv2d(4, 6, {.kernel = 3, .groups = 2}).multiply_adds({1, 5, 7, 6}) == 5 * 7 * 6 * 9 * 2);
}

TEST_CASE("linear") {
  Inputs inputs(22);
  check_layer(inputs.reals({4, 7}), made_of<Linear>(7, 3), kForward, [](const Values& v) {
    Array<Complex> y(Shape{4, 3});
    reference::gemm({.transpose_b = true}, v[0], v[1], y);
    return reference::add_row(v[2], y);
  });
  CHECK(state_of<Linear>(7, 3) ==
        Lines{"weight parameter [3, 7] [3, 7] 0", "bias parameter [3] [3] 21"});
  CHECK(Linear(7, 3).multiply_adds({1, 3}) == 21);
}

struct Statistics {
  Array<double> mean, var;
};
auto batch_norm_with(const Statistics& s, bool training) {
  return [=](Context& context) {
    auto bound = std::make_unique<Bound<BatchNorm2d>>(context, s.mean.size());
    ops::copy_(testing::to_tensor(context, s.mean),
               bound->state.statistics.window(0, s.mean.shape));
    ops::copy_(testing::to_tensor(context, s.var),
               bound->state.statistics.window(s.mean.size(), s.mean.shape));
    bound->layer.set_training(training);
    return bound;
  };
}

TEST_CASE("batch norm: gradients of its three calls in both modes") {
  Inputs inputs(23);
  const auto x = inputs.reals({2, 3, 2, 5}, 1.5, 2.0);
  const Statistics s{inputs.reals({5}), inputs.uniform({5}, 0.5, 3.0)};
  const auto mean = testing::to_complex(s.mean), var = testing::to_complex(s.var);
  for (const bool training : {true, false}) {
    const auto definition = [&, training](bool relu, bool residual) {
      return [&, training, relu, residual](const Values& v) {
        const BatchNormSpec spec{.relu = relu};
        const Array<Complex> shortcut = residual ? v[0] : Array<Complex>();
        return training ? reference::batch_norm_train(v[0], v[1], v[2], shortcut, spec, mean, var).y
                        : reference::batch_norm_eval(v[0], v[1], v[2], shortcut, spec, mean, var);
      };
    };
    CAPTURE(training);
    const auto make = batch_norm_with(s, training);
    check_layer(x, make, kForward, definition(false, false));
    check_layer(
        x, make, [](BatchNorm2d& bn, const Var& v) { return bn.relu(v); }, definition(true, false));
    check_layer(
        x, make, [](BatchNorm2d& bn, const Var& v) { return bn.add_relu(v, v); },
        definition(true, true));
  }
  CHECK(state_of<BatchNorm2d>(5) == Lines{"weight parameter [5] [5] 0", "bias parameter [5] [5] 5",
                                          "running_mean statistic [5] [5] 0",
                                          "running_var statistic [5] [5] 5",
                                          "num_batches_tracked counter [] [] 0"});
}

TEST_CASE("batch norm: running statistics and the counter move in training only") {
  Inputs inputs(24);
  const Statistics s{inputs.reals({5}), inputs.uniform({5}, 0.5, 3.0)};
  const auto gamma = inputs.reals({5}), beta = inputs.reals({5});
  const std::vector<Array<double>> batches = {inputs.reals({2, 3, 2, 5}),
                                              inputs.reals({1, 4, 1, 5}, -1.0, 3.0)};
  testing::on_every_device([&](Context& context) {
    const auto bound = batch_norm_with(s, true)(context);
    auto& [bn, state] = *bound;
    ops::fill_(state.parameters, 1.0f);
    CHECK(state.counters == std::vector<int64_t>{0});
    Statistics expected = s;
    for (const Array<double>& x : batches) {
      bn(Var::constant(testing::to_tensor(context, x)));
      const auto r = reference::batch_norm_train(x, gamma, beta, Array<double>(), {}, expected.mean,
                                                 expected.var);
      expected = {r.running_mean, r.running_var};
    }
    const auto check_statistics = [&, &st = state] {
      testing::check_close(st.statistics.window(0, {5}), expected.mean, testing::rounding(12));
      testing::check_close(st.statistics.window(5, {5}), expected.var, testing::rounding(12));
      CHECK(st.counters == std::vector<int64_t>{2});
    };
    check_statistics();
    bn.set_training(false);
    bn(Var::constant(testing::to_tensor(context, batches[0])));
    check_statistics();
  });
}

TEST_CASE("batch norm: the result takes x's place only where nobody can tell") {
  Inputs inputs(26);
  const Statistics s{inputs.reals({5}), inputs.uniform({5}, 0.5, 3.0)};
  const auto numbers = inputs.reals({2, 3, 2, 5});
  testing::on_every_device([&](Context& context) {
    const auto bound = batch_norm_with(s, false)(context);
    BatchNorm2d& bn = bound->layer;
    ops::fill_(bound->state.parameters, 1.0f);
    const auto fresh = [&] { return Var::constant(testing::to_tensor(context, numbers)); };
    const auto replaces = [](Var x, const auto& call) {
      const float* place = x.value().data();
      return call(std::move(x)).value().data() == place;
    };
    const auto relu = [&](Var x) { return bn.relu(std::move(x)); };
    CHECK_FALSE(replaces(fresh(), relu));  // the tape keeps x
    const NoGrad no_grad;
    CHECK(replaces(fresh(), relu));
    CHECK(replaces(fresh(), [&](Var x) { return bn(std::move(x)); }));
    CHECK(replaces(fresh(), [&](Var x) { return bn.add_relu(std::move(x), fresh()); }));
    CHECK_FALSE(replaces(fresh(), [&](const Var& x) { return bn.add_relu(x, x); }));
    const Var held = fresh();
    const Tensor window = held.value().window(0, {1, 3, 2, 5});
    CHECK_FALSE(replaces(held, relu));
    CHECK_FALSE(replaces(Var::constant(window), relu));
    testing::check_close(held.value(), numbers, 0);
    bn.set_training(true);
    CHECK_FALSE(replaces(fresh(), relu));
  });
}

TEST_CASE("squeeze and excite") {
  Inputs inputs(25);
  // The definition (Hu et al., 2018): s = sigmoid(W2 relu(W1 mean(x) + b1) + b2), y = s * x.
  const auto dense = [](const Array<Complex>& z, const Array<Complex>& w, const Array<Complex>& b) {
    Array<Complex> y(Shape{z.shape[0], w.shape[0]});
    for (int64_t n = 0; n < z.shape[0]; ++n)
      for (int64_t k = 0; k < w.shape[0]; ++k) {
        y(n, k) = b[k];
        for (int64_t c = 0; c < w.shape.c(); ++c) y(n, k) += w(k, 0, 0, c) * z(n, c);
      }
    return y;
  };
  check_layer(
      inputs.reals({2, 3, 2, 6}), made_of<SqueezeExcite>(6, 4), kForward, [&](const Values& v) {
        const auto squeezed =
            reference::unary(Unary::kRelu, dense(reference::global_avg_pool(v[0]), v[1], v[2]));
        const auto gate = reference::unary(Unary::kSigmoid, dense(squeezed, v[3], v[4]));
        return reference::scale_channels(v[0], gate);
      });
  CHECK(state_of<SqueezeExcite>(6, 4) == Lines{"fc1.weight parameter [4, 6, 1, 1] [4, 1, 1, 6] 0",
                                               "fc1.bias parameter [4] [4] 24",
                                               "fc2.weight parameter [6, 4, 1, 1] [6, 1, 1, 4] 28",
                                               "fc2.bias parameter [6] [6] 52"});
}

TEST_CASE("pools") {
  Inputs inputs(26);
  const PoolSpec spec{.window = 3, .stride = 2, .padding = 1};
  const auto x = inputs.distinct({2, 5, 6, 3});
  check_layer(x, made_of<MaxPool2d>(spec), kForward,
              [&](const Values& v) { return reference::max_pool(v[0], spec); });
  check_layer(x, made_of<AvgPool2d>(spec), kForward,
              [&](const Values& v) { return reference::avg_pool(v[0], spec); });
  check_layer(x, made_of<GlobalAvgPool>(), kForward,
              [](const Values& v) { return reference::global_avg_pool(v[0]); });
  CHECK(state_of<MaxPool2d>(spec).empty());
}

// Two convolutions with a pool between them.
class Chain final : public Module {
 public:
  Chain() {
    sequence_.append("0", std::make_unique<Conv2d>(3, 4, Conv2dSpec{.kernel = 3}));
    sequence_.append("pool", std::make_unique<AvgPool2d>(PoolSpec{}));
    sequence_.append("block.1", std::make_unique<Conv2d>(4, 2, Conv2dSpec{.bias = true}));
  }
  Var forward(const Var& x) override { return sequence_(x); }
  void visit(StateVisitor& v) override { v.child("features", sequence_); }
  std::string type() const override { return "Chain"; }

 private:
  Sequential sequence_;
};

TEST_CASE("sequential") {
  Inputs inputs(27);
  check_layer(inputs.reals({2, 4, 6, 3}), made_of<Chain>(), kForward, [](const Values& v) {
    const auto y =
        reference::avg_pool(reference::conv2d(v[0], v[1], {.stride = 1, .padding = 1}), PoolSpec{});
    return reference::add_row(v[3], reference::conv2d(y, v[2], {}));
  });
  CHECK(state_of<Chain>() ==
        Lines{"features.0.weight parameter [4, 3, 3, 3] [4, 3, 3, 3] 0",
              "features.block.1.weight parameter [2, 4, 1, 1] [2, 1, 1, 4] 108",
              "features.block.1.bias parameter [2] [2] 116"});
}

TEST_CASE("an impossible layer is an error, not a crash") {
  CHECK_THROWS_AS(Conv2d(3, 4, {.groups = 2}), Error);
  CHECK_THROWS_AS(Conv2d(4, 3, {.groups = 2}), Error);
  CHECK_THROWS_AS(Conv2d(4, 4, {.groups = 0}), Error);
  CHECK_THROWS_AS(Conv2d(4, 4, {.kernel = 0}), Error);
  CHECK_THROWS_AS(Conv2d(4, 4, {.stride = 0}), Error);
  CHECK_THROWS_AS(Conv2d(0, 4), Error);
  CHECK_THROWS_AS(Conv2d(4, -4), Error);
  CHECK_THROWS_AS(Linear(0, 4), Error);
  CHECK_THROWS_AS(Linear(4, 0), Error);
  CHECK_THROWS_AS(BatchNorm2d(0), Error);
  Context context(testing::device_options(1));
  Bound<Conv2d> conv(context, 3, 4, Conv2dSpec{.kernel = 3});
  CHECK_THROWS_AS(conv.layer(Var::constant(Tensor::zeros(context, {1, 4, 4, 2}))), Error);
  Bound<BatchNorm2d> bn(context, 4);
  bn.layer.set_training(true);  // one value per channel has no variance
  CHECK_THROWS_AS(bn.layer(Var::constant(Tensor::zeros(context, {1, 1, 1, 4}))), Error);
}

}  // namespace
}  // namespace fedcamae
