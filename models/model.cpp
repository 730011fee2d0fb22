#include "models/model.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/backend.h"
#include "core/ops.h"
#include "core/options.h"

namespace fedcamae {
namespace {

// Makes a leaf of one module's output and records from there on.
class Tap final : public Observer {
 public:
  explicit Tap(const Module* target) : target_(target) {}
  Var seen(const Module& module, const Var& y) override {
    if (&module != target_) return y;
    record_.emplace();
    activation_ = Var::leaf(y.value());
    return activation_;
  }
  const Var& activation() const { return activation_; }

 private:
  const Module* target_;
  Var activation_;
  std::optional<Record> record_;
};

TapPoint find_tap(const std::string& arch, const Network& network, const std::string& layer) {
  std::vector<std::string> names;
  for (const TapPoint& point : network.tap_points()) {
    if (point.name == layer) return point;
    names.push_back(point.name);
  }
  const std::string near = nearest(layer, names);
  fail(ErrorKind::kUsage, "layer: {} has no '{}'{}; `fedcamae summary {}` lists them", arch, layer,
       near.empty() ? "" : ", did you mean '" + near + "'?", arch);
}

class EvalScope {
 public:
  explicit EvalScope(Model& model) : model_(model), before_(model.training()) {
    model_.set_training(false);
  }
  ~EvalScope() { model_.set_training(before_); }
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;

 private:
  Model& model_;
  bool before_;
};

}  // namespace

ModelState ModelState::clone() const { return {parameters.clone(), statistics.clone(), counters}; }
ModelState ModelState::to(Context& context) const {
  return {parameters.to(context), statistics.to(context), counters};
}

Model::Model(const ModelSpec& spec, Context& context)
    : Model(spec, make_network(spec.arch, spec.classes), context) {}

Model::Model(const ModelSpec& spec, std::unique_ptr<Network> network, Context& context)
    : spec_(spec),
      context_(&context),
      network_(std::move(network)),
      flat_(bind_flat_state(*network_, context)) {}

Model::~Model() = default;

void Model::initialize(uint64_t seed) {
  check_writable("initialize");
  Random random({.seed = seed, .purpose = Purpose::kInitialWeights});
  initialize_all(*network_, random);
}

Var Model::forward(const Tensor& x) {
  check(x.defined() && x.shape().rank() == 4 && x.shape().c() == 3,
        "[{}] images are [N, H, W, 3], got {}", spec_.arch, x.defined() ? x.shape() : Shape{});
  if (training_) check_writable("forward in training mode");
  const bool narrow = context_->precision() == Precision::kBf16;
  return (*network_)(Var::constant(narrow ? ops::cast(x, ElementType::kBfloat16) : x));
}

void Model::set_training(bool training) {
  training_ = training;
  network_->set_training(training);
}

Model::Tapped Model::forward_tapped(const Tensor& x, const std::string& layer) {
  const TapPoint point = find_tap(spec_.arch, *network_, layer);
  const EvalScope eval(*this);
  const NoGrad no_grad;
  Tap tap(point.module);
  const Var logits = forward(x);
  return {tap.activation(), logits};
}

std::vector<std::string> Model::layers() const {
  std::vector<std::string> names;
  for (const TapPoint& point : network_->tap_points()) names.push_back(point.name);
  return names;
}
void Model::check_layer(const std::string& layer) const { find_tap(spec_.arch, *network_, layer); }
std::string Model::default_layer() const { return network_->default_tap(); }

ModelState Model::state() const { return {parameters().clone(), statistics().clone(), counters()}; }

void Model::check_sizes(const ModelState& state) const {
  check(state.counters.size() == counters().size(), "[{}] {} batch counters expected, got {}",
        spec_.arch, counters().size(), state.counters.size());
  check(state.parameters.size() == parameters().size() &&
            state.statistics.size() == statistics().size(),
        "[{}] {} parameters and {} statistics expected, got {} and {}", spec_.arch,
        parameters().size(), statistics().size(), state.parameters.size(), state.statistics.size());
  for (const Tensor* t : {&state.parameters, &state.statistics})
    check(t->type() == ElementType::kFloat32, "[{}] a state is float32, got {}", spec_.arch,
          element_name(t->type()));
}

void Model::check_writable(const char* what) const {
  check(!borrows_, "[{}] {}: the model borrows another state's numbers; end that first", spec_.arch,
        what);
}

void Model::set_state(const ModelState& state) {
  check_writable("set_state");
  check_sizes(state);
  ops::copy_(state.parameters, flat_.parameters);
  ops::copy_(state.statistics, flat_.statistics);
  // In place: the layers hold addresses of the numbers.
  std::copy(state.counters.begin(), state.counters.end(), flat_.counters.begin());
}

BorrowedState::BorrowedState(Model& model, const ModelState& state)
    : model_(model), borrowed_(state), training_(model.training()) {
  model.check_writable("borrow");
  model.check_sizes(state);
  Context& context = model.context();
  other_ = {state.parameters.shared_with(context), state.statistics.shared_with(context),
            state.counters};
  for (const Tensor* t : {&state.parameters, &state.statistics})
    context.backend().wait_for(t->context().backend());
  model.set_training(false);
  exchange();
  model.borrows_ = true;
}

// The sizes were checked when it was made.
BorrowedState::~BorrowedState() {  // NOLINT(bugprone-exception-escape)
  exchange();
  model_.borrows_ = false;
  model_.set_training(training_);
  // The owners write to the numbers, or give their memory back, after the model has read them.
  try {
    for (const Tensor* t : {&borrowed_.parameters, &borrowed_.statistics})
      t->context().backend().wait_for(model_.context().backend());
  } catch (const Error&) {  // a device that failed: whatever it is asked next says so
  }
}

void BorrowedState::exchange() {
  FlatState& flat = model_.flat_;
  std::swap(flat.parameters, other_.parameters);
  std::swap(flat.statistics, other_.statistics);
  // In place, as in set_state.
  std::swap_ranges(flat.counters.begin(), flat.counters.end(), other_.counters.begin());
  rebind_flat_state(*model_.network_, flat);
}

}  // namespace fedcamae
