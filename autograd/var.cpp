#include "autograd/var.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "autograd/node.h"

namespace fedcamae {

namespace detail {
namespace {

std::atomic<uint64_t> next_order{1};
thread_local bool recording = true;

}  // namespace

Node::Node(std::string op_name, const Tensor& value)
    : op(std::move(op_name)),
      order(next_order.fetch_add(1, std::memory_order_relaxed)),
      shape(value.shape()),
      type(value.type()),
      context(&value.context()) {}

Node::~Node() {
  std::vector<std::shared_ptr<Node>> dying = std::move(parents);
  while (!dying.empty()) {
    const std::shared_ptr<Node> node = std::move(dying.back());
    dying.pop_back();
    if (node == nullptr || node.use_count() > 1) continue;
    for (auto& parent : node->parents) dying.push_back(std::move(parent));
    node->parents.clear();
  }
}

}  // namespace detail

Var Var::constant(const Tensor& value) { return {value, nullptr}; }

Var Var::leaf(const Tensor& value) { return {value, std::make_shared<detail::Node>("", value)}; }

Var Var::parameter(const Tensor& value, const Tensor& gradient) {
  check(value.shape() == gradient.shape(), "[parameter] value is {}, its gradient buffer {}",
        value.shape(), gradient.shape());
  check(value.type() == gradient.type(), "[parameter] value is {}, its gradient buffer {}",
        element_name(value.type()), element_name(gradient.type()));
  Var v = leaf(value);
  v.node_->target = gradient;
  return v;
}

Var Var::record(std::string op, std::span<const Var> parents, const Tensor& value,
                BackwardFn backward) {
  check(!op.empty(), "[record] an op has a name");
  const bool needed = detail::recording && std::any_of(parents.begin(), parents.end(),
                                                       [](const Var& p) { return p.needs_grad(); });
  if (!needed) return constant(value);
  auto node = std::make_shared<detail::Node>(std::move(op), value);
  node->backward = std::move(backward);
  for (const Var& parent : parents) node->parents.push_back(parent.node_);
  return {value, std::move(node)};
}

const Tensor& Var::grad() const {
  check(node_ != nullptr && node_->is_leaf(), "[grad] only a leaf keeps its gradient");
  return node_->gradient;
}

NoGrad::NoGrad() : before_(std::exchange(detail::recording, false)) {}
NoGrad::~NoGrad() { detail::recording = before_; }
bool NoGrad::active() { return !detail::recording; }

Record::Record() : before_(std::exchange(detail::recording, true)) {}
Record::~Record() { detail::recording = before_; }

}  // namespace fedcamae
