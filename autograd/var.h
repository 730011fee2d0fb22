// Reverse-mode differentiation. A Var is a Tensor and, where a gradient may be wanted, a node of
// the tape: how the gradient of this value gives the gradients of its parents. Nodes hold no
// values; what backward needs is exactly what an op's closure captures, so an activation that
// nobody needs returns to the pool with its Var. Closures capture Tensors, never Vars, and run in
// reverse creation order, so gradient sums have a fixed order. A tape belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace fedcamae {

namespace detail {
struct Node;
}

namespace ops {
struct WeightStep;  // core/ops.h
}

// What a backward closure is given: which parents want a gradient, and where to write them.
class GradSink {
 public:
  virtual ~GradSink() = default;
  virtual bool needs(int parent) const = 0;
  // A tensor of the parent's shape and type to be overwritten by the closure: the parameter's own
  // gradient buffer where this is its first contribution, so that no copy is made.
  virtual Tensor output(int parent) = 0;
  // Hands over a gradient that already exists and that others may hold (identity-like ops).
  virtual void give(int parent, const Tensor& gradient) = 0;
  // Hands over a tensor that the closure made for this parent alone: later contributions are added
  // to it in place.
  virtual void give_new(int parent, const Tensor& gradient) = 0;
  // Not nullptr: the parent is a weight whose only gradient is this one and whose optimiser takes
  // its step within the pass. The closure must take it, after its last use of the weight, and hand
  // over no gradient.
  virtual const ops::WeightStep* step(int parent) = 0;
};

// An optimiser whose steps are taken within the backward pass where the ops can.
class StepSource {
 public:
  virtual ~StepSource() = default;
  // Of the weight whose gradient would go to this buffer; asked for at most once a pass.
  virtual ops::WeightStep step_of(const Tensor& gradient) = 0;
};
using BackwardFn = std::function<void(const Tensor& dy, GradSink& grads)>;

class Var {
 public:
  Var() = default;
  static Var constant(const Tensor& value);  // no gradient
  static Var leaf(const Tensor& value);      // gradient wanted
  // A leaf whose gradient is written into `gradient` (a window of a model's flat buffer).
  static Var parameter(const Tensor& value, const Tensor& gradient);
  // Records an op. Where no parent needs a gradient (or NoGrad is on) `backward` is dropped. A
  // parent may be undefined: an optional argument that was not given.
  static Var record(std::string op, std::span<const Var> parents, const Tensor& value,
                    BackwardFn backward);

  bool defined() const { return value_.defined(); }
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  ElementType type() const { return value_.type(); }  // the gradient's as well
  bool needs_grad() const { return node_ != nullptr; }
  // The gradient that `backward` left in this leaf; undefined before.
  const Tensor& grad() const;
  // The place on the tape; null for constants.
  const std::shared_ptr<detail::Node>& node() const { return node_; }

 private:
  Var(const Tensor& value, std::shared_ptr<detail::Node> node)
      : value_(value), node_(std::move(node)) {}

  Tensor value_;
  std::shared_ptr<detail::Node> node_;
};

// Fills the gradient of every leaf below `output` (one element; d output = 1). Parameters that are
// reached have their gradient buffer overwritten, not added to. Frees the tape as it goes: a second
// pass over it is an error.
// Where `steps` is given, weights that GradSink::step hands out have taken their step instead, and
// what their gradient buffers hold is not said.
void backward(const Var& output, StepSource* steps = nullptr);

// d output / d each input, for any intermediate or leaf Vars; the pass stops at them and touches
// nothing else (no parameter gradient is computed). `output` may have any shape: its seed is `dy`,
// or ones. An input that output does not depend on gives zeros. The tape stays.
std::vector<Tensor> gradients(const Var& output, std::span<const Var> inputs,
                              const Tensor& dy = Tensor());

// While one lives, nothing is recorded on this thread (evaluation).
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  static bool active();

 private:
  bool before_;
};
// While one lives, ops are recorded even inside a NoGrad: the part above a tapped layer.
class Record {
 public:
  Record();
  ~Record();
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

 private:
  bool before_;
};

}  // namespace fedcamae
