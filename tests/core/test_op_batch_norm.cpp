// Batch norm on every device: both modes, forward and backward, with what is fused to it.
#include <doctest/doctest.h>

#include "core/ops.h"
#include "core/reference/batch_norm.h"
#include "core/reference/elementwise.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using reference::Array;
using testing::Inputs;
using testing::to_tensor;

const Shape kShapes[] = {{2, 1, 1, 1},  {2, 3, 4, 5},   {1, 5, 7, 16},
                         {3, 4, 4, 33}, {2, 1, 1, 530}, {1, 40, 41, 3}};

struct Data {
  Array<double> x, gamma, beta, residual, running_mean, running_var, dy;
};
struct Tensors {
  Tensor x, gamma, beta, residual, running_mean, running_var, dy;
};

Data draw(Inputs& inputs, const Shape& shape, bool with_residual, double mean) {
  const Shape channels{shape.back()};
  return {inputs.reals(shape, mean, 2.0),
          inputs.uniform(channels, -1.5, 2.0),
          inputs.reals(channels),
          with_residual ? inputs.reals(shape) : Array<double>(),
          inputs.reals(channels),
          inputs.uniform(channels, 0.5, 3.0),
          inputs.reals(shape)};
}
Tensors to_tensors(Context& context, const Data& d) {
  return {to_tensor(context, d.x),
          to_tensor(context, d.gamma),
          to_tensor(context, d.beta),
          d.residual.size() > 0 ? to_tensor(context, d.residual) : Tensor(),
          to_tensor(context, d.running_mean),
          to_tensor(context, d.running_var),
          to_tensor(context, d.dy)};
}
ops::BatchNormOutputs outputs(Context& context, const Shape& shape, bool with_residual) {
  const Shape channels{shape.back()};
  return {Tensor(context, shape), Tensor(context, channels), Tensor(context, channels),
          with_residual ? Tensor(context, shape) : Tensor()};
}
void check_gradients(const ops::BatchNormOutputs& got,
                     const reference::BatchNormGradients<double>& expected, double tolerance) {
  testing::check_close(got.dx, expected.dx, tolerance);
  if (got.dgamma.defined()) testing::check_close(got.dgamma, expected.dgamma, tolerance);
  if (got.dbeta.defined()) testing::check_close(got.dbeta, expected.dbeta, tolerance);
  if (got.dresidual.defined()) testing::check_close(got.dresidual, expected.dresidual, tolerance);
}

// fn(context, shape, relu, with_residual) for all of them.
template <class Fn>
void for_every_case(const Fn& fn) {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const Shape& shape : kShapes)
      for (const bool relu : {false, true})
        for (const bool with_residual : {false, true}) {
          CAPTURE(shape.str());
          CAPTURE(relu);
          CAPTURE(with_residual);
          fn(context, shape, relu, with_residual);
        }
  });
}

// The mean is `mean`, the deviation 2: what is left after the subtraction has lost mean / 2 units.
double tolerance_for(const Shape& shape, double mean) {
  return testing::rounding(shape.rows()) * std::max(1.0, mean / 2);
}

// An output before the ReLU may be rounded to the other side of zero, where the gradient jumps:
// the reference's backward is therefore given the device's y.
TEST_CASE("batch norm, training: output, statistics, every gradient") {
  Inputs inputs(71);
  for_every_case([&](Context& context, const Shape& shape, bool relu, bool with_residual) {
    for (const double mean : {0.5, 30.0}) {
      CAPTURE(mean);
      const double tolerance = tolerance_for(shape, mean);
      const Data d = draw(inputs, shape, with_residual, mean);
      const Tensors t = to_tensors(context, d);
      const BatchNormSpec spec{.eps = 1e-3f, .momentum = 0.1f, .relu = relu};
      const auto got = ops::batch_norm_train(t.x, t.gamma, t.beta, t.residual, spec, t.running_mean,
                                             t.running_var);
      const auto expected = reference::batch_norm_train(d.x, d.gamma, d.beta, d.residual, spec,
                                                        d.running_mean, d.running_var);
      // A channel of two rows may have a small deviation: errors grow with inv_std.
      double steepest = 1;
      for (const double v : expected.inv_std.data) steepest = std::max(steepest, 2 * v);
      testing::check_close(got.y, expected.y, tolerance * steepest);
      testing::check_close(got.mean, expected.mean, tolerance);
      testing::check_close(got.inv_std, expected.inv_std, tolerance * steepest);
      testing::check_close(t.running_mean, expected.running_mean, tolerance);
      testing::check_close(t.running_var, expected.running_var, tolerance);
      const auto out = outputs(context, shape, with_residual);
      ops::batch_norm_train_backward(t.dy, t.x, got.y, t.gamma, spec, got.mean, got.inv_std, out);
      check_gradients(
          out,
          reference::batch_norm_train_backward(d.dy, d.x, testing::to_array(got.y), d.gamma, spec,
                                               expected.mean, expected.inv_std),
          tolerance * steepest);
    }
  });
}

TEST_CASE("batch norm, evaluation: output, every gradient, statistics untouched") {
  Inputs inputs(72);
  for_every_case([&](Context& context, const Shape& shape, bool relu, bool with_residual) {
    const double tolerance = tolerance_for(shape, 0.5);
    const Data d = draw(inputs, shape, with_residual, 0.5);
    const Tensors t = to_tensors(context, d);
    const BatchNormSpec spec{.relu = relu};
    const Tensor y =
        ops::batch_norm_eval(t.x, t.gamma, t.beta, t.residual, spec, t.running_mean, t.running_var);
    testing::check_close(y,
                         reference::batch_norm_eval(d.x, d.gamma, d.beta, d.residual, spec,
                                                    d.running_mean, d.running_var),
                         tolerance);
    testing::check_equal(t.running_mean, d.running_mean);
    testing::check_equal(t.running_var, d.running_var);
    const auto expected = reference::batch_norm_eval_backward(
        d.dy, d.x, testing::to_array(y), d.gamma, spec, d.running_mean, d.running_var);
    auto out = outputs(context, shape, with_residual);
    ops::batch_norm_eval_backward(t.dy, t.x, y, t.gamma, spec, t.running_mean, t.running_var, out);
    check_gradients(out, expected, tolerance);
    // Without the parameters' gradients, as LayerCAM asks for it.
    ops::BatchNormOutputs data_only = outputs(context, shape, with_residual);
    data_only.dgamma = data_only.dbeta = Tensor();
    ops::batch_norm_eval_backward(t.dy, t.x, y, t.gamma, spec, t.running_mean, t.running_var,
                                  data_only);
    check_gradients(data_only, expected, tolerance);
  });
}

TEST_CASE("batch norm: what is fused equals its parts") {
  Inputs inputs(73);
  testing::on_every_device([&](Context& context) {
    const Data d = draw(inputs, {2, 5, 3, 21}, true, 0.5);
    const Tensors t = to_tensors(context, d);
    const Tensor plain =
        ops::batch_norm_eval(t.x, t.gamma, t.beta, Tensor(), {}, t.running_mean, t.running_var);
    const Tensor fused = ops::batch_norm_eval(t.x, t.gamma, t.beta, t.residual, {.relu = true},
                                              t.running_mean, t.running_var);
    testing::check_close(fused, testing::to_array(ops::relu(ops::add(plain, t.residual))),
                         2 * testing::kEps);
  });
}

TEST_CASE("batch norm, evaluation: written over x it has the same bits") {
  Inputs inputs(75);
  for_every_case([&](Context& context, const Shape& shape, bool relu, bool with_residual) {
    const Data d = draw(inputs, shape, with_residual, 0.5);
    const Tensors t = to_tensors(context, d);
    const BatchNormSpec spec{.relu = relu};
    const Tensor apart =
        ops::batch_norm_eval(t.x, t.gamma, t.beta, t.residual, spec, t.running_mean, t.running_var);
    ops::batch_norm_eval_into(t.x, t.gamma, t.beta, t.residual, spec, t.running_mean, t.running_var,
                              t.x);
    testing::check_same_bits(t.x, apart);
  });
}

TEST_CASE("batch norm: the bits do not depend on the number of threads") {
  Inputs inputs(74);
  Context one(testing::device_options(1)), three(testing::device_options(3));
  for (const Shape& shape : kShapes) {
    const Data d = draw(inputs, shape, true, 0.5);
    const auto run = [&](Context& context) {
      const Tensors t = to_tensors(context, d);
      const BatchNormSpec spec{.relu = true};
      const auto y = ops::batch_norm_train(t.x, t.gamma, t.beta, t.residual, spec, t.running_mean,
                                           t.running_var);
      const auto out = outputs(context, shape, true);
      ops::batch_norm_train_backward(t.dy, t.x, y.y, t.gamma, spec, y.mean, y.inv_std, out);
      return std::vector<Tensor>{y.y,        t.running_mean, t.running_var, out.dx,
                                 out.dgamma, out.dbeta,      out.dresidual};
    };
    const auto a = run(one), b = run(three);
    for (size_t i = 0; i < a.size(); ++i) testing::check_same_bits(a[i], b[i]);
  }
}

}  // namespace
}  // namespace fedcamae
