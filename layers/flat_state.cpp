#include "layers/flat_state.h"

#include <utility>

namespace fedcamae {
namespace {

// Walks all modules below the one it visits; `prefix_` is the path of the current one and a dot.
class Walker : public StateVisitor {
 public:
  void parameter(const std::string&, Parameter&) override {}
  void statistic(const std::string&, Shape, Tensor&) override {}
  void counter(const std::string&, int64_t*&) override {}
  void child(const std::string& name, Module& module) override {
    const std::string before = std::exchange(prefix_, prefix_ + name + ".");
    module.visit(*this);
    prefix_ = before;
  }

 protected:
  std::string prefix_;
};

class Lister final : public Walker {
 public:
  void parameter(const std::string& name, Parameter& p) override {
    std::vector<int64_t> torch;
    for (int i = 0; i < p.shape.rank(); ++i) torch.push_back(p.shape[i]);
    if (p.shape.rank() == 4) torch = {p.shape[0], p.shape[3], p.shape[1], p.shape[2]};
    entries.push_back({prefix_ + name, EntryKind::kParameter, torch, p.shape, parameter_count});
    parameter_count += p.shape.size();
  }
  void statistic(const std::string& name, Shape shape, Tensor&) override {
    entries.push_back(
        {prefix_ + name, EntryKind::kStatistic, {shape.size()}, shape, statistic_count});
    statistic_count += shape.size();
  }
  void counter(const std::string& name, int64_t*&) override {
    entries.push_back({prefix_ + name, EntryKind::kCounter, {}, Shape{}, counter_count++});
  }

  std::vector<StateEntry> entries;
  int64_t parameter_count = 0, statistic_count = 0, counter_count = 0;
};

// Meets the same entries in the same order.
class Binder final : public Walker {
 public:
  explicit Binder(FlatState& state) : state_(state) {}
  void parameter(const std::string&, Parameter& p) override {
    const int64_t offset = next().offset;
    p.value = state_.parameters.window(offset, p.shape);
    p.gradient = state_.gradients.window(offset, p.shape);
  }
  void statistic(const std::string&, Shape shape, Tensor& value) override {
    value = state_.statistics.window(next().offset, shape);
  }
  void counter(const std::string&, int64_t*& value) override {
    value = &state_.counters[static_cast<size_t>(next().offset)];
  }

 private:
  const StateEntry& next() { return state_.entries[index_++]; }
  FlatState& state_;
  size_t index_ = 0;
};

class Initializer final : public Walker {
 public:
  explicit Initializer(Random& random) : random_(random) {}
  void child(const std::string& name, Module& module) override {
    module.initialize(random_);
    Walker::child(name, module);
  }

 private:
  Random& random_;
};

}  // namespace

FlatState bind_flat_state(Module& module, Context& context) {
  Lister lister;
  module.visit(lister);
  FlatState state;
  state.entries = std::move(lister.entries);
  state.parameters = Tensor(context, {lister.parameter_count});
  state.gradients = Tensor(context, {lister.parameter_count});
  state.statistics = Tensor(context, {lister.statistic_count});
  state.counters.resize(static_cast<size_t>(lister.counter_count));
  rebind_flat_state(module, state);
  return state;
}

void rebind_flat_state(Module& module, FlatState& state) {
  Binder binder(state);
  module.visit(binder);
}

void initialize_all(Module& module, Random& random) {
  module.initialize(random);
  Initializer initializer(random);
  module.visit(initializer);
}

}  // namespace fedcamae
