// The network of an autoencoder and its training, step by step.
#pragma once

#include <functional>
#include <memory>

#include "core/random.h"
#include "defense/autoencoder.h"

namespace fedcamae {

class Coder {
 public:
  virtual ~Coder() = default;
  virtual void initialize(Random& random) = 0;
  virtual const Tensor& parameters() const = 0;
  virtual Tensor reconstruct(const Tensor& rows) = 0;  // [n, inputs]
  // A training on rows: each call of what is returned is one step of Adam on all of them and
  // returns their mean squared error before it.
  virtual std::function<double()> training(const Tensor& rows) = 0;
};

// One hidden layer: the two halves of a step are primitives (ops::decoder_step_), so that a weight
// is read once in each. Both weights lie as [inputs, hidden].
std::unique_ptr<Coder> make_shallow_coder(int64_t inputs, const AutoencoderSpec& spec,
                                          Context& context);
// Any number of hidden layers, trained through the tape. Weights lie as PyTorch's, [out, in].
std::unique_ptr<Coder> make_deep_coder(int64_t inputs, const AutoencoderSpec& spec,
                                       Context& context);

}  // namespace fedcamae
