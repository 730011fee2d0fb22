// The passes over the tape.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "autograd/node.h"
#include "core/ops.h"

namespace fedcamae {
namespace {

using detail::Node;

bool younger(const Node* a, const Node* b) { return a->order > b->order; }

// Every node that `output` depends on, the youngest first.
std::vector<Node*> nodes_below(Node* output) {
  std::vector<Node*> found = {output};
  std::unordered_set<Node*> seen = {output};
  for (size_t i = 0; i < found.size(); ++i)
    for (const auto& parent : found[i]->parents)
      if (parent != nullptr && seen.insert(parent.get()).second) found.push_back(parent.get());
  std::sort(found.begin(), found.end(), younger);
  for (const Node* node : found)
    check(node->is_leaf() || node->backward != nullptr,
          "[backward] the tape below [{}] was freed by an earlier pass", node->op);
  return found;
}

// One pass. What it leaves in the nodes is taken away whatever happens, except the gradients of
// leaves after backward().
class Pass {
 public:
  Pass(const Var& output, bool into_parameters, StepSource* steps = nullptr)
      : into_parameters_(into_parameters), steps_(steps), nodes_(nodes_below(output.node().get())) {
    if (into_parameters)
      for (Node* node : nodes_) node->gradient = Tensor();
    if (steps == nullptr) return;
    for (const Node* node : nodes_)
      for (const auto& parent : node->parents)
        if (parent != nullptr && parent->target.defined()) ++uses_[parent->target.data()];
  }
  ~Pass() {
    for (Node* node : nodes_) {
      node->wanted = false;
      node->owned = false;
      node->pass_gradient = Tensor();
    }
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  const std::vector<Node*>& nodes() const { return nodes_; }
  bool has(const Node* node) const {
    return std::binary_search(nodes_.begin(), nodes_.end(), node, younger);
  }
  // The gradient of a parameter goes straight to its buffer: true for the first contribution. A
  // parameter that was used twice has two leaves with one buffer.
  bool begins(const Node& p) { return fills_buffer(p) && begun_.insert(p.target.data()).second; }
  bool fills_buffer(const Node& p) const { return into_parameters_ && p.target.defined(); }
  // The step of a parameter that this pass uses once; none where no optimiser takes part.
  std::optional<ops::WeightStep> step_of(const Node& p) const {
    if (steps_ == nullptr || !p.target.defined() || uses_.at(p.target.data()) != 1) return {};
    return steps_->step_of(p.target);
  }
  // Runs the closure of a node whose own gradient is complete.
  void run(Node& node, const Tensor& dy);

 private:
  const bool into_parameters_;
  StepSource* const steps_;
  std::vector<Node*> nodes_;
  std::map<const float*, int> uses_;  // of each parameter's buffer, counted where steps are taken
  std::set<const float*> begun_;
};

// Where one node's closure leaves the gradients of its parents.
class Sink final : public GradSink {
 public:
  Sink(Node& node, Pass& pass) : node_(node), pass_(pass), got_(node.parents.size()) {}

  bool needs(int i) const override {
    const auto& p = node_.parents.at(static_cast<size_t>(i));
    return p != nullptr && p->wanted;
  }
  Tensor output(int i) override {
    Node& p = parent(i);
    const bool begins = pass_.begins(p);
    return take(i, {.gradient = begins ? p.target : Tensor(*p.context, p.shape, p.type),
                    .in_buffer = begins});
  }
  void give(int i, const Tensor& gradient) override {
    take(i, {.gradient = gradient, .shared = true});
  }
  void give_new(int i, const Tensor& gradient) override { take(i, {.gradient = gradient}); }

  const ops::WeightStep* step(int i) override {
    step_ = pass_.step_of(parent(i));
    return step_ ? &*step_ : nullptr;
  }

  // After the closure, when all that it wrote is complete: adds in the order of the arguments.
  void finish() {
    for (size_t i = 0; i < got_.size(); ++i)
      if (got_[i].gradient.defined()) accept(*node_.parents[i], got_[i]);
  }

 private:
  struct Contribution {
    Tensor gradient;
    bool shared = false;     // somebody else may hold it: not to be added to in place
    bool in_buffer = false;  // it is the parameter's own buffer
  };

  Node& parent(int i) const {
    check(needs(i), "[{}] gradient of argument {} is not wanted", node_.op, i);
    return *node_.parents[static_cast<size_t>(i)];
  }
  Tensor take(int i, Contribution contribution) {
    Contribution& slot = got_[static_cast<size_t>(i)];
    check(!slot.gradient.defined(), "[{}] gradient of argument {} came twice", node_.op, i);
    check(contribution.gradient.shape() == parent(i).shape,
          "[{}] gradient of argument {} is {}, not {}", node_.op, i, contribution.gradient.shape(),
          parent(i).shape);
    check(contribution.gradient.type() == parent(i).type,
          "[{}] gradient of argument {} is {}, not {}", node_.op, i,
          element_name(contribution.gradient.type()), element_name(parent(i).type));
    slot = std::move(contribution);
    return slot.gradient;
  }
  void accept(Node& p, const Contribution& c) {
    if (pass_.fills_buffer(p)) {
      if (!c.in_buffer) {
        if (pass_.begins(p)) {
          ops::copy_(c.gradient, p.target);
        } else {
          ops::add_(c.gradient, p.target);
        }
      }
      p.pass_gradient = p.target;
    } else if (!p.pass_gradient.defined()) {
      p.pass_gradient = c.gradient;
      p.owned = !c.shared;
    } else if (p.owned) {
      ops::add_(c.gradient, p.pass_gradient);
    } else {
      p.pass_gradient = ops::add(p.pass_gradient, c.gradient);
      p.owned = true;
    }
  }

  Node& node_;
  Pass& pass_;
  std::vector<Contribution> got_;
  std::optional<ops::WeightStep> step_;
};

void Pass::run(Node& node, const Tensor& dy) {
  Sink sink(node, *this);
  node.backward(dy, sink);
  sink.finish();
}

bool has_wanted_parent(const Node* node) {
  return std::any_of(node->parents.begin(), node->parents.end(),
                     [](const auto& p) { return p != nullptr && p->wanted; });
}

Tensor ones_like(const Var& v) {
  return Tensor::full(v.value().context(), v.shape(), 1.0f, v.type());
}

// The gradients of `inputs` where `output` depends on them, else undefined tensors.
std::vector<Tensor> pass_to_inputs(const Var& output, std::span<const Var> inputs,
                                   const Tensor& dy) {
  std::unordered_set<const Node*> asked;
  for (const Var& input : inputs) asked.insert(input.node().get());
  Pass pass(output, false);
  for (auto it = pass.nodes().rbegin(); it != pass.nodes().rend(); ++it)
    (*it)->wanted = asked.count(*it) > 0 || has_wanted_parent(*it);
  pass.nodes().front()->pass_gradient = dy.defined() ? dy : ones_like(output);
  for (Node* node : pass.nodes()) {
    if (!node->wanted || !node->pass_gradient.defined()) continue;
    if (has_wanted_parent(node)) pass.run(*node, node->pass_gradient);
    if (asked.count(node) == 0) node->pass_gradient = Tensor();
  }
  std::vector<Tensor> result;
  for (const Var& input : inputs)
    result.push_back(pass.has(input.node().get()) ? input.node()->pass_gradient : Tensor());
  return result;
}

}  // namespace

void backward(const Var& output, StepSource* steps) {
  check(output.needs_grad(), "[backward] the output depends on nothing that needs a gradient");
  check(output.value().size() == 1, "[backward] the output has one element, got {}",
        output.shape());
  // The tape is cut on the way down; its nodes hold no numbers and live to the end of the pass.
  std::vector<std::shared_ptr<Node>> alive;
  Pass pass(output, true, steps);
  for (Node* node : pass.nodes()) {
    node->wanted = true;
    for (const auto& parent : node->parents)
      if (parent != nullptr) alive.push_back(parent);
  }
  pass.nodes().front()->pass_gradient = ones_like(output);
  for (Node* node : pass.nodes()) {
    const Tensor dy = std::exchange(node->pass_gradient, Tensor());
    if (node->is_leaf()) {
      node->gradient = dy;
      continue;
    }
    if (dy.defined()) pass.run(*node, dy);
    node->backward = nullptr;
    node->parents.clear();
  }
}

std::vector<Tensor> gradients(const Var& output, std::span<const Var> inputs, const Tensor& dy) {
  check(!inputs.empty(), "[gradients] no inputs were named");
  for (const Var& input : inputs)
    check(input.needs_grad(), "[gradients] nothing was recorded for an input of shape {}",
          input.defined() ? input.shape() : Shape{});
  check(!dy.defined() || dy.shape() == output.shape(), "[gradients] dy is {}, the output {}",
        dy.defined() ? dy.shape() : Shape{}, output.shape());
  check(!dy.defined() || dy.type() == output.type(), "[gradients] dy is {}, the output {}",
        element_name(dy.type()), element_name(output.type()));

  std::vector<Tensor> result(inputs.size());
  if (output.needs_grad()) result = pass_to_inputs(output, inputs, dy);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!result[i].defined())
      result[i] = Tensor::zeros(inputs[i].value().context(), inputs[i].shape(), inputs[i].type());
  return result;
}

}  // namespace fedcamae
