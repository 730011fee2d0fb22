// A weight's gradient and its Adam step in one: the bits of one after the other.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::Inputs;

constexpr AdamSpec kSpec{.lr = 0.01, .weight_decay = 0.1};

// A weight in the middle of a training, twice: one copy for each way.
struct Weight {
  Weight(Context& context, Inputs& inputs, const Shape& shape)
      : gradient(context, shape),
        parameter(testing::to_tensor(context, inputs.reals(shape))),
        m(testing::to_tensor(context, inputs.reals(shape))),
        v(testing::to_tensor(context, inputs.uniform(shape, 0.1, 1.0))),
        other{kSpec, 3, Tensor(context, shape), parameter.clone(), m.clone(), v.clone()} {}

  ops::WeightStep step() const { return {kSpec, 3, gradient, parameter, m, v}; }
  void check_same() const {
    testing::check_same_bits(parameter, other.parameter);
    testing::check_same_bits(m, other.m);
    testing::check_same_bits(v, other.v);
  }

  Tensor gradient, parameter, m, v;
  ops::WeightStep other;
};

void step_in_turn(const ops::WeightStep& s) {
  ops::adam_step_(s.spec, s.step, s.gradient, s.parameter, s.m, s.v);
}

TEST_CASE("the step of a linear layer's weight") {
  struct Size {
    int64_t n, k, m;  // rows, in, out
  };
  Inputs inputs(301);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    // Whole vectors and not, more rows than a reduction takes at once, a weight of long rows, more
    // rows of the weight than a block, one row.
    for (const Size& s : {Size{8, 64, 13}, Size{24, 48, 100}, Size{5, 17, 9}, Size{130, 32, 7},
                          Size{3, 9008, 5}, Size{2, 16, 2100}, Size{1, 16, 1}}) {
      CAPTURE(s.n);
      CAPTURE(s.k);
      CAPTURE(s.m);
      const Tensor dy = testing::to_tensor(context, inputs.reals({s.n, s.m}));
      const Tensor x = testing::to_tensor(context, inputs.reals({s.n, s.k}));
      const Weight w(context, inputs, {s.m, s.k});
      ops::gemm_adam_(dy, x, w.step());
      ops::gemm_into(dy, x, {.transpose_a = true}, w.other.gradient);
      step_in_turn(w.other);
      w.check_same();
    }
  });
}

TEST_CASE("the step of a convolution's weight") {
  struct Case {
    Shape x, w;
    ConvSpec spec;
  };
  const Case cases[] = {
      {{8, 1, 1, 32}, {20, 1, 1, 32}, {}},
      {{3, 2, 2, 16}, {9, 3, 3, 16}, {.padding = 1}},
      {{8, 1, 1, 16}, {700, 3, 3, 16}, {.padding = 1}},  // eight taps that reach no pixel
      {{2, 4, 4, 64}, {7, 3, 3, 64}, {.stride = 2, .padding = 1}},
      {{2, 4, 5, 80}, {11, 1, 1, 80}, {.stride = 2}},
      // What goes the long way: many pixels, groups, channels that fill no vector, a stem.
      {{3, 8, 8, 16}, {5, 1, 1, 16}, {}},
      {{2, 3, 3, 32}, {6, 3, 3, 16}, {.padding = 1, .groups = 2}},
      {{2, 3, 3, 20}, {6, 1, 1, 20}, {}},
      {{2, 5, 5, 3}, {4, 3, 3, 3}, {.stride = 2, .padding = 1}},
  };
  Inputs inputs(302);
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Case& c : cases) {
      CAPTURE(c.x.str());
      CAPTURE(c.w.str());
      const Shape y = ops::conv2d_shape(c.x, c.w, c.spec);
      const Tensor dy = testing::to_tensor(context, inputs.reals(y));
      const Tensor x = testing::to_tensor(context, inputs.reals(c.x));
      const Weight w(context, inputs, c.w);
      ops::conv2d_backward_weight_adam_(dy, x, c.spec, w.step());
      ops::conv2d_backward_weight_into(dy, x, c.spec, w.other.gradient);
      step_in_turn(w.other);
      w.check_same();
    }
  });
}

TEST_CASE("steps that do not fit are refused") {
  Context context(testing::device_options(1));
  Inputs inputs(303);
  const Tensor dy = Tensor::zeros(context, {4, 3}), x = Tensor::zeros(context, {4, 16});
  const Weight w(context, inputs, {3, 16}), other(context, inputs, {16, 3});
  CHECK_THROWS_AS(ops::gemm_adam_(dy, x, other.step()), Error);
  ops::WeightStep step = w.step();
  step.step = 0;
  CHECK_THROWS_AS(ops::gemm_adam_(dy, x, step), Error);
  step = w.step();
  step.v = other.v;
  CHECK_THROWS_AS(ops::gemm_adam_(dy, x, step), Error);
  CHECK_THROWS_AS(ops::conv2d_backward_weight_adam_(dy.reshape({4, 1, 1, 3}),
                                                    x.reshape({2, 2, 1, 16}), {}, w.step()),
                  Error);
}

}  // namespace
}  // namespace fedcamae
