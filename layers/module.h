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
  virtual void initialize(Random&) {}  // own parameters only, not the children's
  virtual void set_training(bool training) { training_ = training; }
  bool training() const { return training_; }
  // forward, and the place where a tapped layer's activation is taken (models/model.h).
  Var operator()(const Var& x);

 protected:
  bool training_ = false;
};

}  // namespace fedcamae
