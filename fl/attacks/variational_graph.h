// The variational graph autoencoder of the graph attack as its paper describes it, trained by the
// engine's own tape (graph_autoencoder.h is the released code's): nodes are models.
#pragma once

#include <cstdint>
#include <vector>

#include "autograd/var.h"
#include "core/random.h"
#include "fl/attacks/small_matrix.h"

namespace fedcamae {

struct VariationalGraphSpec {
  int64_t hidden = 32, latent = 16;
  int64_t epochs = 10;
  double lr = 0.01;       // Adam
  bool maximise = false;  // the reconstruction's loss, instead of minimising it
};

// Encoder: GCN features -> hidden, ReLU, then two GCN heads hidden -> latent for mean and log
// deviation; decoder sigmoid(Z Z^T); no bias. A GCN layer is relu(N H W), N the normalised
// adjacency. Kipf and Welling's (2016) with a weighted graph.
class VariationalGraph {
 public:
  // features [K, in], adjacency [K, K] in [0, 1]. Initial weights Glorot uniform.
  VariationalGraph(Context& context, const SmallMatrix& features, const SmallMatrix& adjacency,
                   const VariationalGraphSpec& spec, Random& random);
  // The loss of each epoch, before its step; ends at one that is not finite.
  std::vector<double> train(Random& random);
  // The negative ELBO over K^2: the mean over the entries of A + I of the binary cross-entropy, an
  // edge weighted by (K^2 - E) / E, E the sum of A, plus the divergence of N(mean, deviation^2)
  // from N(0, I) over K^2; latent noise [K, latent]. Where `maximise`, the cross-entropy counts
  // negative.
  Var loss(const Tensor& noise) const;
  // sigmoid(M M^T), M the encoder's mean; no edge where training left no number.
  SmallMatrix reconstructed() const;

  // [hidden, in], [latent, hidden], [latent, hidden], one after the other.
  const Tensor& weights() const { return weights_; }
  const Tensor& gradients() const { return gradients_; }

 private:
  struct Code {
    Var mean, log_deviation;  // [K, latent]
  };
  Code encode() const;
  Var weight(int64_t offset, int64_t rows, int64_t cols) const;

  Context& context_;
  VariationalGraphSpec spec_;
  int64_t nodes_, features_;
  Tensor spread_;     // N X [K, in]
  Tensor adjacency_;  // N [K, K]
  Tensor target_;     // A + I [K, K]
  float positive_weight_ = 1;
  Tensor weights_, gradients_;
};

}  // namespace fedcamae
