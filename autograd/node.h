// A node of the tape, inside autograd/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "autograd/var.h"

namespace fedcamae::detail {

struct Node {
  Node(std::string op_name, const Tensor& value);
  ~Node();  // iterative: a long tape must not become a deep recursion
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  bool is_leaf() const { return op.empty(); }

  std::string op;       // "" for leaves
  uint64_t order = 0;   // creation order; parents have smaller ones
  Shape shape;          // of the value, and so of its gradient
  ElementType type;     // the same
  Context* context;     // where the gradient is allocated
  BackwardFn backward;  // emptied when its tape is freed
  // One per argument of the op; null where that argument needs no gradient.
  std::vector<std::shared_ptr<Node>> parents;
  Tensor target;    // parameters: the buffer that receives the gradient
  Tensor gradient;  // leaves: what backward() left

  // State of the pass that is running.
  Tensor pass_gradient;
  bool owned = false;   // `pass_gradient` is nobody else's and may be added to in place
  bool wanted = false;  // part of this pass
};

}  // namespace fedcamae::detail
