// Module: a layer or a network. `visit` names its parameters, buffers and children once; saving,
// loading, flattening, train/eval and the list of layers all come from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/var.h"
#include "core/random.h"
#include "core/tensor.h"

namespace fedcamae {

// A learnable tensor: windows into the model's flat buffers, bound when the model is built.
struct Parameter {
  Shape shape;      // as stored; convolutions [K, R, S, C / groups]
  Tensor value;     // window of the model's parameters
  Tensor gradient;  // window of the model's gradients
  Var var() const { return Var::parameter(value, gradient); }
};

class Module;

class StateVisitor {
 public:
  virtual ~StateVisitor() = default;
  virtual void parameter(const std::string& name, Parameter& parameter) = 0;
  virtual void statistic(const std::string& name, Shape shape, Tensor& value) = 0;
  virtual void counter(const std::string& name,
                       int64_t*& value) = 0;  // bound to the model's vector
  virtual void child(const std::string& name, Module& module) = 0;
};

class Module {
 public:
  virtual ~Module() = default;
  // x [N, H, W, C] (or [N, C] for Linear).
  virtual Var forward(const Var& x) = 0;
  virtual void visit(StateVisitor& visitor) = 0;
  virtual void initialize(Random&) {}        // own parameters only, not the children's
  virtual void set_training(bool training);  // with all children
  bool training() const { return training_; }
  // forward, and the place where a tapped layer's activation is taken (models/model.h).
  Var operator()(const Var& x) { return observed(forward(x)); }

  // For summaries: the kind of layer, and the multiply-adds that made an output of this shape.
  virtual std::string type() const = 0;
  virtual int64_t multiply_adds(const Shape& /*output*/) const { return 0; }

 protected:
  // The output as the thread's observer wants it to be; y itself where there is none.
  Var observed(const Var& y) const;

  bool training_ = false;
};

// While one lives, it sees the output of every module that is called on this thread, in order, and
// may put another Var in its place.
class Observer {
 public:
  Observer();
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual Var seen(const Module& module, const Var& y) = 0;

 private:
  Observer* before_;
};

}  // namespace fedcamae
