// The variational graph autoencoder of the released GAE attack (its utilities/FL_to_GAE.py), in
// double: nodes are the K overheard models, a node's features are its d weights, binarised.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/random.h"
#include "fl/attacks/small_matrix.h"

namespace fedcamae {

struct GraphAutoencoderSpec {
  int64_t hidden = 32, latent = 16;
  int64_t epochs = 10;
  double lr = 0.01, beta1 = 0.95, beta2 = 0.999;  // Adam
};

// The binary features X [K, d] by their columns: bit k of a pattern is model k's feature. There are
// at most 2^K different columns, and equal columns share their gradient in every step, hence also
// their Adam step: W0 [d, hidden] moves by one row per pattern. So what training needs of W0 is the
// sum of its initial rows per pattern and the count of columns, exactly, and never d x hidden
// numbers. All-zero columns touch nothing and are not kept.
struct FeaturePatterns {
  int64_t nodes = 0, features = 0;    // K <= 64, d
  std::map<uint64_t, int64_t> count;  // columns with this pattern
  void add(uint64_t pattern, int64_t columns = 1) {
    if (pattern != 0) count[pattern] += columns;
  }
};

// D^-1/2 (A + I) D^-1/2 with D the row sums of A + I.
SmallMatrix normalized_adjacency(const SmallMatrix& adjacency);
// The complete graph of K models without the edges that the released code sets aside: E/20 + 1 for
// validation and E/10 + 1 for its test, of E (fewer where there are not so many).
SmallMatrix training_graph(int64_t nodes, Random& random);

// Encoder GCN d -> hidden, ReLU, then two GCN heads hidden -> latent for mean and log deviation;
// decoder sigmoid(Z Z^T). No bias. Trained on the negative ELBO (a one-sample estimate), with
// weighted Bernoulli likelihood of A + I and prior N(0, I).
class GraphAutoencoder {
 public:
  GraphAutoencoder(const FeaturePatterns& features, const SmallMatrix& training_graph,
                   const GraphAutoencoderSpec& spec, Random& random);
  // The negative ELBO of each epoch, before its step.
  std::vector<double> train(Random& random);
  // One evaluation with given latent noise [K, latent] and the gradient of every weight matrix:
  // input weights one row per pattern (the gradient of one column of that pattern), then the heads.
  struct Pass {
    double loss = 0;
    SmallMatrix input, mean, deviation;
  };
  Pass evaluate(const SmallMatrix& noise) const;
  // The parameters: per pattern the SUM of the rows of W0, the heads [hidden, latent].
  SmallMatrix& input() { return input_; }
  SmallMatrix& mean() { return mean_; }
  SmallMatrix& deviation() { return deviation_; }

 private:
  GraphAutoencoderSpec spec_;
  SmallMatrix bits_;  // [K, patterns] in {0, 1}
  std::vector<double> count_;
  SmallMatrix adjacency_;  // normalised
  SmallMatrix target_;     // A + I
  double positive_weight_ = 1;
  SmallMatrix input_, mean_, deviation_;
};

// sigmoid(Z Z^T) shrunk by 1e-7, Z [K, latent] from the prior N(0, I). The released code calls the
// generative model here, so that the trained encoder never enters.
SmallMatrix prior_adjacency(int64_t nodes, int64_t latent, Random& random);

}  // namespace fedcamae
