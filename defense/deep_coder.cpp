#include <string>

#include "core/ops.h"
#include "defense/coder.h"
#include "layers/flat_state.h"
#include "layers/linear.h"
#include "layers/losses.h"
#include "layers/optimizer.h"

namespace fedcamae {
namespace {

class DenseAutoencoder final : public Module {
 public:
  explicit DenseAutoencoder(const std::vector<int64_t>& sizes) {
    for (size_t i = 1; i < sizes.size(); ++i)
      layers_.push_back(std::make_unique<Linear>(sizes[i - 1], sizes[i]));
  }
  Var forward(const Var& x) override {
    Var y = x;
    for (const auto& layer : layers_) {
      y = (*layer)(y);
      y = layer == layers_.back() ? sigmoid(y) : relu(y);
    }
    return y;
  }
  void visit(StateVisitor& v) override {
    for (size_t i = 0; i < layers_.size(); ++i) v.child(std::to_string(i), *layers_[i]);
  }
  std::string type() const override { return "DenseAutoencoder"; }

 private:
  std::vector<std::unique_ptr<Linear>> layers_;
};

std::vector<int64_t> layer_sizes(int64_t inputs, const std::vector<int64_t>& hidden) {
  std::vector<int64_t> sizes = {inputs};
  sizes.insert(sizes.end(), hidden.begin(), hidden.end());
  sizes.insert(sizes.end(), hidden.rbegin() + 1, hidden.rend());
  sizes.push_back(inputs);
  return sizes;
}

class DeepCoder final : public Coder {
 public:
  DeepCoder(int64_t inputs, const AutoencoderSpec& spec, Context& context)
      : spec_{.type = "adam", .lr = spec.lr, .weight_decay = spec.weight_decay},
        network_(layer_sizes(inputs, spec.hidden)),
        flat_(bind_flat_state(network_, context)) {}

  void initialize(Random& random) override { initialize_all(network_, random); }
  const Tensor& parameters() const override { return flat_.parameters; }
  Tensor reconstruct(const Tensor& rows) override {
    const NoGrad no_grad;
    return network_(Var::constant(rows)).value();
  }
  std::function<double()> training(const Tensor& rows) override {
    const auto optimizer = std::make_shared<Optimizer>(spec_, flat_.parameters, flat_.gradients);
    return [this, rows, optimizer] {
      const Var loss = mse(network_(Var::constant(rows)), rows);
      optimizer->backward_and_step(loss, spec_.lr);
      return static_cast<double>(loss.value().item());
    };
  }

 private:
  OptimizerSpec spec_;
  DenseAutoencoder network_;
  FlatState flat_;
};

}  // namespace

std::unique_ptr<Coder> make_deep_coder(int64_t inputs, const AutoencoderSpec& spec,
                                       Context& context) {
  return std::make_unique<DeepCoder>(inputs, spec, context);
}

}  // namespace fedcamae
