// A dense autoencoder of flattened heat maps, trained by the project's own engine.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"

namespace fedcamae {

class Coder;

struct AutoencoderSpec {
  std::vector<int64_t> hidden = {128};  // sizes of the encoder's layers, mirrored in the decoder
  int64_t epochs = 200;                 // each is one step on all rows
  double lr = 1e-3;
  double weight_decay = 1e-5;  // Adam's, added to the gradient
};

// inputs -> hidden... -> inputs, linear layers with ReLU between them and a sigmoid at the end.
class Autoencoder {
 public:
  // Weights uninitialised.
  Autoencoder(int64_t inputs, const AutoencoderSpec& spec, Context& context);
  ~Autoencoder();
  // PyTorch's default for linear layers.
  void initialize(const RandomKey& key);
  // On rows [n, inputs] with values in [0, 1]; returns each epoch's mean squared error before its
  // step. Throws Error{kDiverged} where it is not finite.
  std::vector<double> train(const Tensor& rows);
  Tensor reconstruct(const Tensor& rows);  // [n, inputs]
  // For each layer its weight [out, in] and bias [out], encoder first; with one hidden layer the
  // encoder's weight lies as [in, out].
  const Tensor& parameters() const;

 private:
  AutoencoderSpec spec_;
  std::unique_ptr<Coder> coder_;
};

// Mean squared difference of each row, in double.
std::vector<double> row_errors(const Tensor& rows, const Tensor& reconstructed);

}  // namespace fedcamae
