// A dense autoencoder's training step in two halves, and the transpose that they ask for.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/reference/dense_autoencoder.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/guard.h"

namespace fedcamae {
namespace {

using reference::Array;
using reference::Trained;
using testing::Guarded;
using testing::Inputs;

constexpr AdamSpec kSpec{.lr = 0.01, .weight_decay = 0.1};
constexpr int64_t kStep = 3;

struct Size {
  int64_t n, p, h;
};
// Maps that fill vectors and not, one and more panels of them; hidden units in one panel, in two,
// in no whole vector; pixels in one block, in several pieces, one.
const Size kSizes[] = {{24, 100, 128}, {1, 7, 16}, {3, 50, 80}, {70, 130, 32},
                       {24, 2500, 64}, {5, 1, 16}, {9, 40, 10}, {17, 3000, 16}};

// A weight in the middle of a training, on a device and as the reference's; the gradient's buffer
// may be written or not.
struct Weight {
  Weight(Context& context, Inputs& inputs, const Shape& shape)
      : expected{inputs.reals(shape, 0.05, 0.3), inputs.reals(shape, 0.0, 0.1),
                 inputs.uniform(shape, 0.1, 1.0)},
        gradient(context, shape),
        parameter(context, expected.parameter),
        m(context, expected.m),
        v(context, expected.v) {}
  ops::WeightStep step() const {
    return {kSpec, kStep, gradient.tensor(), parameter.tensor(), m.tensor(), v.tensor()};
  }
  // Of sums of `terms` numbers below one.
  void check(int64_t terms) const {
    testing::check_close(parameter.tensor(), expected.parameter, testing::rounding(terms));
    testing::check_close(m.tensor(), expected.m, testing::rounding(terms));
    testing::check_close(v.tensor(), expected.v, testing::rounding(terms));
    for (const Guarded* g : {&gradient, &parameter, &m, &v}) g->check_untouched();
  }
  Trained expected;
  Guarded gradient, parameter, m, v;
};

Array<double> transposed(const Array<double>& x) {
  Array<double> y({x.shape[1], x.shape[0]});
  for (int64_t i = 0; i < x.shape[0]; ++i)
    for (int64_t j = 0; j < x.shape[1]; ++j) y(j, i) = x(i, j);
  return y;
}

template <class Body>
void on_every_size(const Body& body) {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Size& s : kSizes) {
      CAPTURE(s.n);
      CAPTURE(s.p);
      CAPTURE(s.h);
      body(context, s);
    }
  });
}

TEST_CASE("transpose: exact") {
  Inputs inputs(311);
  on_every_size([&](Context& context, const Size& s) {
    const Array<double> x = inputs.reals({s.n, s.p});
    testing::check_equal(ops::transpose(Guarded(context, x).tensor()), transposed(x));
  });
}

TEST_CASE("the decoder's half: loss, gradient of the hidden layer, both steps") {
  Inputs inputs(312);
  on_every_size([&](Context& context, const Size& s) {
    const Array<double> x = inputs.uniform({s.n, s.p}, 0, 1);
    const Array<double> hidden = inputs.reals({s.n, s.h}, 0.2, 0.4);
    Weight weight(context, inputs, {s.p, s.h}), bias(context, inputs, {s.p});
    const Guarded tx(context, x), tx_t(context, transposed(x)), th(context, hidden);
    const auto [loss, dhidden] =
        ops::decoder_step_(tx.tensor(), tx_t.tensor(), th.tensor(), weight.step(), bias.step());
    Array<double> expected(hidden.shape);
    const double expected_loss =
        reference::decoder_step(kSpec, kStep, x, hidden, weight.expected, bias.expected, expected);
    // y is the sigmoid of a sum over hidden units, an error a sum over maps or pixels beside it.
    testing::check_close(loss, expected_loss, testing::rounding(s.h));
    const double scale = static_cast<double>(x.size()) / 2;  // a gradient is of this size's inverse
    Array<double> scaled = testing::to_array(dhidden);
    for (double& value : scaled.data) value *= scale;
    for (double& value : expected.data) value *= scale;
    testing::check_close(scaled, expected, testing::rounding(s.h * s.p));
    weight.check(s.h * s.n);
    bias.check(s.h * s.n);
  });
}

TEST_CASE("the encoder's half: the step, and the products after it") {
  Inputs inputs(313);
  on_every_size([&](Context& context, const Size& s) {
    const Array<double> x = inputs.uniform({s.n, s.p}, 0, 1);
    const Array<double> dz = inputs.reals({s.n, s.h}, 0.0, 0.01);
    Weight weight(context, inputs, {s.p, s.h});
    const Guarded tx(context, x), tx_t(context, transposed(x)), tdz(context, dz);
    const Tensor z = ops::encoder_step_(tx.tensor(), tx_t.tensor(), tdz.tensor(), weight.step());
    Array<double> expected(dz.shape);
    reference::encoder_step(kSpec, kStep, x, dz, weight.expected, expected);
    testing::check_close(z, expected, testing::rounding(s.p));
    weight.check(s.n);
  });
}

TEST_CASE("the same bits for any number of threads") {
  // Five pieces of pixels on every level; the last one is not whole.
  constexpr Size kSize{5, 5000, 128};
  const auto run = [&](int threads) {
    Context context(testing::cpu_options(threads));
    Inputs inputs(315);
    const Tensor x = testing::to_tensor(context, inputs.uniform({kSize.n, kSize.p}, 0, 1));
    const Tensor hidden = testing::to_tensor(context, inputs.reals({kSize.n, kSize.h}, 0.2, 0.4));
    const Weight weight(context, inputs, {kSize.p, kSize.h}), bias(context, inputs, {kSize.p});
    const auto [loss, dhidden] =
        ops::decoder_step_(x, ops::transpose(x), hidden, weight.step(), bias.step());
    const Tensor z = ops::encoder_step_(x, ops::transpose(x), dhidden, weight.step());
    std::vector<std::vector<float>> bits = {{static_cast<float>(loss)}};
    for (const Tensor& t : {dhidden, z, weight.parameter.tensor(), bias.parameter.tensor()})
      bits.push_back(t.to_host());
    return bits;
  };
  const auto one = run(1);
  CHECK(one == run(2));
  CHECK(one == run(3));
}

TEST_CASE("a sigmoid at its ends: neither overflow nor NaN") {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    const std::vector<float> ends = {-200, -90, -30, 0, 30, 90, 200};
    const auto pixels = static_cast<int64_t>(ends.size());
    const Tensor x = Tensor::full(context, {1, pixels}, 0.5f), x_t = x.reshape({pixels, 1});
    const auto step_of = [&](const Tensor& parameter) {
      return ops::WeightStep{{},
                             1,
                             Tensor(context, parameter.shape()),
                             parameter,
                             Tensor::zeros(context, parameter.shape()),
                             Tensor::zeros(context, parameter.shape())};
    };
    const double loss = ops::decoder_step_(x, x_t, Tensor::zeros(context, {1, 16}),
                                           step_of(Tensor::zeros(context, {pixels, 16})),
                                           step_of(Tensor::from(context, {pixels}, ends)))
                            .loss;
    // Six of seven errors are a half, but for e^-30; the seventh is none.
    testing::check_close(loss, 6 * 0.25 / 7, testing::rounding(pixels));
  });
}

TEST_CASE("halves that do not fit are refused") {
  Context context(testing::device_options(1));
  Inputs inputs(314);
  const Tensor x = Tensor::zeros(context, {2, 5}), x_t = Tensor::zeros(context, {5, 2});
  const Tensor hidden = Tensor::zeros(context, {2, 16});
  const Weight weight(context, inputs, {5, 16}), bias(context, inputs, {5});
  CHECK_THROWS_AS(ops::decoder_step_(x, x, hidden, weight.step(), bias.step()), Error);
  CHECK_THROWS_AS(ops::decoder_step_(x, x_t, x, weight.step(), bias.step()), Error);
  CHECK_THROWS_AS(ops::decoder_step_(x, x_t, hidden, weight.step(), weight.step()), Error);
  CHECK_THROWS_AS(ops::encoder_step_(x, x_t, x, weight.step()), Error);
  CHECK_THROWS_AS(ops::encoder_step_(x, x_t, hidden, bias.step()), Error);
  CHECK_THROWS_AS(ops::transpose(Tensor::zeros(context, {3})), Error);
}

}  // namespace
}  // namespace fedcamae
