// A layer under test: bound to buffers of its own, filled with random numbers, and held against its
// definition in complex numbers.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/functions.h"
#include "layers/flat_state.h"
#include "tests/autograd/op_case.h"

namespace fedcamae::testing {

// A layer with its state. What is not a parameter begins as `statistic`.
template <class Layer>
class Bound {
 public:
  template <class... Args>
  explicit Bound(Context& context, Args&&... args)
      : layer(std::forward<Args>(args)...), state(bind_flat_state(layer, context)) {}
  Bound(const Bound&) = delete;
  Bound& operator=(const Bound&) = delete;

  Layer layer;
  FlatState state;
};

// The parameters' entries, in order.
inline std::vector<StateEntry> parameter_entries(const FlatState& state) {
  std::vector<StateEntry> found;
  for (const StateEntry& entry : state.entries)
    if (entry.kind == EntryKind::kParameter) found.push_back(entry);
  return found;
}

inline Tensor window_of(const StateEntry& entry, const Tensor& flat) {
  return flat.window(entry.offset, entry.shape);
}

// call(layer, x) against definition({x, parameters in the order of the state...}): the value and,
// through one backward pass, the gradients of x and of each parameter. make(context) gives a
// std::unique_ptr<Bound<..>> whose statistics are set.
template <class Make, class Call>
void check_layer(const Array<double>& x, const Make& make, const Call& call,
                 const std::function<Array<Complex>(const OpCase::ComplexValues&)>& definition) {
  on_every_device([&](Context& context) {
    const auto bound = make(context);
    Inputs inputs(77);
    OpCase c{{x}, nullptr, definition};
    const std::vector<StateEntry> entries = parameter_entries(bound->state);
    for (const StateEntry& entry : entries) {
      c.inputs.push_back(inputs.reals(entry.shape));
      ops::copy_(to_tensor(context, c.inputs.back()), window_of(entry, bound->state.parameters));
    }
    const Array<double> expected = real_value(c);
    const Array<double> dy = inputs.reals(expected.shape);

    const Var leaf = Var::leaf(to_tensor(context, x));
    const Var y = call(bound->layer, leaf);
    check_close(y.value(), expected, kGradient);
    const Shape row{1, dy.size()};
    const Tensor weights = to_tensor(context, dy).reshape(row);
    backward(linear(reshape(y, row), Var::constant(weights), Var()));  // sum(dy * y)
    check_close(leaf.grad(), expected_gradient(c, 0, dy), kGradient);
    for (size_t i = 0; i < entries.size(); ++i) {
      CAPTURE(entries[i].name);
      check_close(window_of(entries[i], bound->state.gradients), expected_gradient(c, i + 1, dy),
                  kGradient);
    }
  });
}

}  // namespace fedcamae::testing
