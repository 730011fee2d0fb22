// Reverse-mode differentiation. A Var is a handle on a node of the tape: a Tensor, and how the
// gradient of this value gives the gradients of its parents. Closures capture Tensors, never Vars,
// and run in reverse creation order, so gradient sums have a fixed order.
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

// What a backward closure is given: the gradient of its output, which parents want theirs, and
// where to write them.
class GradSink {
 public:
  virtual ~GradSink() = default;
  virtual bool needs(int parent) const = 0;
  // A tensor of the parent's shape to be overwritten by the closure: the parameter's own gradient
  // buffer where this is its first contribution, so that no copy is made.
  virtual Tensor output(int parent) = 0;
  // Hands over a gradient that already exists (for identity-like ops).
  virtual void give(int parent, const Tensor& gradient) = 0;
};
using BackwardFn = std::function<void(const Tensor& dy, GradSink& grads)>;

class Var {
 public:
  Var() = default;
  static Var constant(const Tensor& value);  // no gradient
  static Var leaf(const Tensor& value);      // gradient wanted
  // A leaf whose gradient is written into `gradient` (a window of a model's flat buffer).
  static Var parameter(const Tensor& value, const Tensor& gradient);
  // Records an op. Where no parent needs a gradient (or NoGrad is on) `backward` is dropped.
  static Var record(std::string op, std::span<const Var> parents, const Tensor& value,
                    BackwardFn backward);

  bool defined() const { return node_ != nullptr; }
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  bool needs_grad() const;
  // The gradient that `backward` left in this leaf; undefined before.
  const Tensor& grad() const;
  const std::shared_ptr<detail::Node>& node() const { return node_; }

 private:
  std::shared_ptr<detail::Node> node_;
};

// Fills the gradient of every leaf below `output` (one element; d output = 1). Parameters that are
// reached have their gradient buffer overwritten, not added to. Frees the tape as it goes.
void backward(const Var& output);

// d output / d each input, for any intermediate or leaf Vars; the pass stops at them and touches
// nothing else (no parameter gradient is computed). `output` may have any shape: its seed is `dy`,
// or ones. An input that output does not depend on gives zeros.
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

}  // namespace fedcamae
