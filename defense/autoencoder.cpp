#include "defense/autoencoder.h"

#include <cmath>
#include <string>

#include "core/ops.h"
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

std::unique_ptr<Module> make_network(int64_t inputs, const std::vector<int64_t>& hidden) {
  check(inputs > 0 && !hidden.empty(), "[autoencoder] {} inputs, {} hidden layers", inputs,
        hidden.size());
  std::vector<int64_t> sizes = {inputs};
  sizes.insert(sizes.end(), hidden.begin(), hidden.end());
  sizes.insert(sizes.end(), hidden.rbegin() + 1, hidden.rend());
  sizes.push_back(inputs);
  return std::make_unique<DenseAutoencoder>(sizes);
}

}  // namespace

Autoencoder::Autoencoder(int64_t inputs, const AutoencoderSpec& spec, Context& context)
    : spec_(spec),
      network_(make_network(inputs, spec.hidden)),
      flat_(bind_flat_state(*network_, context)) {}
Autoencoder::~Autoencoder() = default;

void Autoencoder::initialize(const RandomKey& key) {
  Random random(key);
  initialize_all(*network_, random);
}

std::vector<double> Autoencoder::train(const Tensor& rows) {
  Optimizer optimizer({.type = "adam", .lr = spec_.lr, .weight_decay = spec_.weight_decay},
                      flat_.parameters, flat_.gradients);
  std::vector<double> losses;
  for (int64_t epoch = 0; epoch < spec_.epochs; ++epoch) {
    const Var loss = mse((*network_)(Var::constant(rows)), rows);
    losses.push_back(static_cast<double>(loss.value().item()));
    if (!std::isfinite(losses.back()))
      fail(ErrorKind::kDiverged,
           "[autoencoder] loss {} in epoch {} at learning rate {}; lower defense.lr", losses.back(),
           epoch + 1, spec_.lr);
    optimizer.backward_and_step(loss, spec_.lr);
  }
  return losses;
}

Tensor Autoencoder::reconstruct(const Tensor& rows) {
  const NoGrad no_grad;
  return (*network_)(Var::constant(rows)).value();
}

std::vector<double> row_errors(const Tensor& rows, const Tensor& reconstructed) {
  check(rows.shape().rank() == 2 && rows.shape() == reconstructed.shape(),
        "[row_errors] rows are {}, their reconstructions {}", rows.shape(), reconstructed.shape());
  const int64_t width = rows.shape()[1];
  std::vector<double> errors;
  for (int64_t begin = 0; begin < rows.size(); begin += width)
    errors.push_back(
        ops::squared_distance(rows.window(begin, {width}), reconstructed.window(begin, {width})) /
        static_cast<double>(width));
  return errors;
}

}  // namespace fedcamae
