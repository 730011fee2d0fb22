// One differentiable operation, its definition in complex numbers, and the check of every gradient.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <span>
#include <vector>

#include "autograd/var.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/gradient_check.h"

namespace fedcamae::testing {

// Relative to the largest number of a gradient: float32 sums of at most a few hundred terms (1e-6)
// with room for the cancellation in batch norm, and far below what a wrong term would change.
constexpr double kGradient = 5e-5;

struct OpCase {
  using Values = std::vector<Array<double>>;
  using ComplexValues = std::vector<Array<Complex>>;

  Values inputs;
  std::function<Var(std::span<const Var>)> op;
  std::function<Array<Complex>(const ComplexValues&)> definition;
};

// d sum(dy * definition) / d inputs[i].
inline Array<double> expected_gradient(const OpCase& c, size_t i, const Array<double>& dy) {
  OpCase::ComplexValues all;
  for (const Array<double>& input : c.inputs) all.push_back(to_complex(input));
  const auto of_one = [&](const Array<Complex>& moved) {
    all[i] = moved;
    return c.definition(all);
  };
  return complex_step(of_one, c.inputs[i], dy);
}

inline Array<double> real_value(const OpCase& c) {
  OpCase::ComplexValues all;
  for (const Array<double>& input : c.inputs) all.push_back(to_complex(input));
  const Array<Complex> y = c.definition(all);
  Array<double> real(y.shape);
  for (int64_t j = 0; j < y.size(); ++j) real[j] = y[j].real();
  return real;
}

// Inputs as leaves where wanted(i), else as constants.
template <class Wanted>
std::vector<Var> as_vars(Context& context, const OpCase& c, const Wanted& wanted) {
  std::vector<Var> vars;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor value = to_tensor(context, c.inputs[i]);
    vars.push_back(wanted(i) ? Var::leaf(value) : Var::constant(value));
  }
  return vars;
}

// The value, the gradient of each input alone, and all gradients at once, on every device.
inline void check_op(const OpCase& c, uint64_t seed = 1) {
  const Array<double> y = real_value(c);
  const Array<double> dy = Inputs(seed).reals(y.shape);
  OpCase::Values expected;
  for (size_t i = 0; i < c.inputs.size(); ++i) expected.push_back(expected_gradient(c, i, dy));
  on_every_device([&](Context& context) {
    const Tensor device_dy = to_tensor(context, dy);
    const auto all = as_vars(context, c, [](size_t) { return true; });
    const Var together = c.op(all);
    check_close(together.value(), y, kGradient);
    const std::vector<Tensor> at_once = gradients(together, all, device_dy);
    for (size_t i = 0; i < c.inputs.size(); ++i) {
      CAPTURE(i);
      check_close(at_once[i], expected[i], kGradient);
      const auto alone = as_vars(context, c, [i](size_t j) { return i == j; });
      check_close(gradients(c.op(alone), {{alone[i]}}, device_dy)[0], expected[i], kGradient);
    }
  });
}

}  // namespace fedcamae::testing
