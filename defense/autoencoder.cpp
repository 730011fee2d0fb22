#include "defense/autoencoder.h"

#include <cmath>

#include "core/ops.h"
#include "defense/coder.h"

namespace fedcamae {

Autoencoder::Autoencoder(int64_t inputs, const AutoencoderSpec& spec, Context& context)
    : spec_(spec) {
  check(inputs > 0 && !spec.hidden.empty(), "[autoencoder] {} inputs, {} hidden layers", inputs,
        spec.hidden.size());
  coder_ = spec.hidden.size() == 1 ? make_shallow_coder(inputs, spec, context)
                                   : make_deep_coder(inputs, spec, context);
}
Autoencoder::~Autoencoder() = default;

void Autoencoder::initialize(const RandomKey& key) {
  Random random(key);
  coder_->initialize(random);
}

std::vector<double> Autoencoder::train(const Tensor& rows) {
  std::vector<double> losses;
  const std::function<double()> step = coder_->training(rows);
  for (int64_t epoch = 0; epoch < spec_.epochs; ++epoch) {
    losses.push_back(step());
    if (!std::isfinite(losses.back()))
      fail(ErrorKind::kDiverged,
           "[autoencoder] loss {} in epoch {} at learning rate {}; lower defense.lr", losses.back(),
           epoch + 1, spec_.lr);
  }
  return losses;
}

Tensor Autoencoder::reconstruct(const Tensor& rows) { return coder_->reconstruct(rows); }

const Tensor& Autoencoder::parameters() const { return coder_->parameters(); }

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
