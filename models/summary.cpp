#include "models/summary.h"

#include <map>
#include <utility>

namespace fedcamae {
namespace {

// Paths, own parameters and place in the tree of every module.
class Tree final : public StateVisitor {
 public:
  struct Place {
    std::string path;
    int64_t own_parameters = 0;
    bool has_children = false;
  };
  void parameter(const std::string&, Parameter& p) override {
    current_->own_parameters += p.shape.size();
  }
  void statistic(const std::string&, Shape, Tensor&) override {}
  void counter(const std::string&, int64_t*&) override {}
  void child(const std::string& name, Module& module) override {
    current_->has_children = true;
    const std::string path = current_->path.empty() ? name : current_->path + "." + name;
    Place* const before = std::exchange(current_, &places[&module]);
    current_->path = path;
    module.visit(*this);
    current_ = before;
  }

  std::map<const Module*, Place> places;

 private:
  Place root_;
  Place* current_ = &root_;
};

class Recorder final : public Observer {
 public:
  explicit Recorder(const Tree& tree) : tree_(tree) {}
  Var seen(const Module& module, const Var& y) override {
    const auto found = tree_.places.find(&module);
    if (found == tree_.places.end()) return y;  // the network itself
    const Tree::Place& place = found->second;
    if (!place.has_children) {
      const int64_t macs = module.multiply_adds(y.shape());
      summary.rows.push_back({place.path, module.type(), y.shape(), place.own_parameters, macs});
      summary.macs += macs;
      summary.parameters += place.own_parameters;
    }
    outputs[&module] = y.shape();
    return y;
  }
  ModelSummary summary;
  std::map<const Module*, Shape> outputs;

 private:
  const Tree& tree_;
};

// A layer that can be tapped, with the sums over what is below its path.
SummaryRow tap_row(const TapPoint& tap, const Recorder& recorder) {
  SummaryRow sum{tap.name, tap.module->type(), recorder.outputs.at(tap.module), 0, 0};
  for (const SummaryRow& row : recorder.summary.rows)
    if (row.path == tap.name || row.path.starts_with(tap.name + ".")) {
      sum.parameters += row.parameters;
      sum.macs += row.macs;
    }
  return sum;
}

}  // namespace

ModelSummary summarize(Model& model, int64_t height, int64_t width) {
  Tree tree;
  model.network().visit(tree);
  const bool training = model.training();
  model.set_training(false);
  const NoGrad no_grad;
  Recorder recorder(tree);
  model.forward(Tensor::zeros(model.context(), {1, height, width, 3}));
  model.set_training(training);
  for (const TapPoint& tap : model.network().tap_points())
    recorder.summary.taps.push_back(tap_row(tap, recorder));
  return std::move(recorder.summary);
}

}  // namespace fedcamae
