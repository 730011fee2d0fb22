// A small autoencoder of rows of numbers, on the host in double: a few rows of some hundred numbers
// are less work than sending them anywhere.
#pragma once

#include <cstdint>
#include <vector>

#include "core/random.h"

namespace fedcamae {

using Row = std::vector<double>;
using Rows = std::vector<Row>;  // all of one length

struct RowCoderSpec {
  int64_t code = 4;
  int64_t epochs = 100;  // each one step of Adam on all rows
  double lr = 1e-2;
  double weight_decay = 1e-5;  // added to the gradient
  double first_decoder = 0.1;  // factor on the decoder's first weights
};

// x -> W2 relu(W1 x + b1) + b2: the output is linear, for rows have either sign.
class RowCoder {
 public:
  // Encoder: PyTorch's default for linear layers. Decoder: first_decoder times that, no bias: what
  // it says at first is nearly zero.
  RowCoder(size_t inputs, const RowCoderSpec& spec, Random& random);
  // Returns each epoch's mean squared error before its step.
  std::vector<double> train(const Rows& rows);
  Row reconstruct(const Row& row) const;
  // W1 [code, inputs], b1, W2 [inputs, code], b2, one after the other.
  std::vector<double>& parameters() { return parameters_; }

 private:
  Row hidden_of(const Row& row) const;
  double add_gradient(const Row& row, double share, std::vector<double>& gradient) const;

  size_t inputs_, code_;
  RowCoderSpec spec_;
  std::vector<double> parameters_;
};

}  // namespace fedcamae
