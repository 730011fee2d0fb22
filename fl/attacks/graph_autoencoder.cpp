#include "fl/attacks/graph_autoencoder.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fedcamae {

namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double log_sigmoid(double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))); }

double glorot_bound(int64_t in, int64_t out) {
  return std::sqrt(6.0 / static_cast<double>(in + out));
}

void fill_uniform(SmallMatrix& weights, double bound, Random& random) {
  for (double& value : weights.values) value = random.uniform(-bound, bound);
}

SmallMatrix with_self_loops(const SmallMatrix& adjacency) {
  SmallMatrix result = adjacency;
  for (int64_t i = 0; i < adjacency.rows; ++i) result(i, i) += 1;
  return result;
}

// Adam with eps 1e-8 on one matrix.
struct Adam {
  SmallMatrix first, second;
  explicit Adam(const SmallMatrix& like) : first(like.rows, like.cols), second(first) {}
  // The move of element i at step t >= 1.
  double move(const GraphAutoencoderSpec& spec, int64_t t, size_t i, double gradient) {
    const double steps = static_cast<double>(t);
    double& m = first.values[i];
    double& v = second.values[i];
    m = spec.beta1 * m + (1 - spec.beta1) * gradient;
    v = spec.beta2 * v + (1 - spec.beta2) * gradient * gradient;
    const double m_hat = m / (1 - std::pow(spec.beta1, steps));
    const double v_hat = v / (1 - std::pow(spec.beta2, steps));
    return -spec.lr * m_hat / (std::sqrt(v_hat) + 1e-8);
  }
};

SmallMatrix normal_matrix(int64_t rows, int64_t cols, Random& random) {
  SmallMatrix result(rows, cols);
  for (double& value : result.values) value = random.normal();
  return result;
}

}  // namespace

SmallMatrix normalized_adjacency(const SmallMatrix& adjacency) {
  SmallMatrix result = with_self_loops(adjacency);
  std::vector<double> scale(static_cast<size_t>(result.rows), 0.0);
  for (int64_t r = 0; r < result.rows; ++r) {
    for (int64_t c = 0; c < result.cols; ++c) scale[static_cast<size_t>(r)] += result(r, c);
    scale[static_cast<size_t>(r)] = 1 / std::sqrt(scale[static_cast<size_t>(r)]);
  }
  for (int64_t r = 0; r < result.rows; ++r)
    for (int64_t c = 0; c < result.cols; ++c)
      result(r, c) *= scale[static_cast<size_t>(r)] * scale[static_cast<size_t>(c)];
  return result;
}

SmallMatrix training_graph(int64_t nodes, Random& random) {
  std::vector<std::pair<int64_t, int64_t>> edges;
  for (int64_t i = 0; i < nodes; ++i)
    for (int64_t j = 0; j < i; ++j) edges.emplace_back(i, j);
  random.shuffle(std::span(edges));
  const size_t aside = edges.size() / 20 + 1 + edges.size() / 10 + 1;
  SmallMatrix result(nodes, nodes);
  for (size_t e = std::min(aside, edges.size()); e < edges.size(); ++e)
    result(edges[e].first, edges[e].second) = result(edges[e].second, edges[e].first) = 1;
  return result;
}

GraphAutoencoder::GraphAutoencoder(const FeaturePatterns& features,
                                   const SmallMatrix& training_graph,
                                   const GraphAutoencoderSpec& spec, Random& random)
    : spec_(spec),
      bits_(features.nodes, static_cast<int64_t>(features.count.size())),
      adjacency_(normalized_adjacency(training_graph)),
      target_(with_self_loops(training_graph)),
      input_(bits_.cols, spec.hidden),
      mean_(spec.hidden, spec.latent),
      deviation_(spec.hidden, spec.latent) {
  check(features.nodes == training_graph.rows && features.nodes <= 64,
        "[gae] features of {} models for a graph of {}", features.nodes, training_graph.rows);
  double edges = 0;
  for (double value : training_graph.values) edges += value;
  const double entries = static_cast<double>(features.nodes * features.nodes);
  positive_weight_ = edges == 0 ? 1 : (entries - edges) / edges;

  const double bound = glorot_bound(features.features, spec.hidden);
  int64_t p = 0;
  for (const auto& [pattern, count] : features.count) {
    count_.push_back(static_cast<double>(count));
    for (int64_t k = 0; k < features.nodes; ++k)
      bits_(k, p) = static_cast<double>(pattern >> k & 1);
    for (int64_t column = 0; column < count; ++column)
      for (int64_t h = 0; h < spec.hidden; ++h) input_(p, h) += random.uniform(-bound, bound);
    ++p;
  }
  fill_uniform(mean_, glorot_bound(spec.hidden, spec.latent), random);
  fill_uniform(deviation_, glorot_bound(spec.hidden, spec.latent), random);
}

GraphAutoencoder::Pass GraphAutoencoder::evaluate(const SmallMatrix& noise) const {
  SmallMatrix hidden = product(adjacency_, product(bits_, input_));  // [K, hidden]
  for (double& value : hidden.values) value = std::max(value, 0.0);
  const SmallMatrix spread = product(adjacency_, hidden);
  const SmallMatrix mean = product(spread, mean_);                // [K, latent]
  const SmallMatrix log_deviation = product(spread, deviation_);  // [K, latent]
  Pass pass;
  SmallMatrix z = mean;
  for (size_t i = 0; i < z.values.size(); ++i) {
    const double s = log_deviation.values[i], e = noise.values[i];
    z.values[i] += std::exp(s) * e;
    // log q(z) - log p(z); the constants of the two normal densities cancel.
    pass.loss += 0.5 * z.values[i] * z.values[i] - 0.5 * e * e - s;
  }
  const SmallMatrix logits = product(z, transposed(z));
  SmallMatrix slope(logits.rows, logits.cols);  // d loss / d logits, both triangles together
  for (int64_t r = 0; r < logits.rows; ++r)
    for (int64_t c = 0; c < logits.cols; ++c) {
      const double a = target_(r, c), x = logits(r, c);
      pass.loss -= positive_weight_ * a * log_sigmoid(x) + (1 - a) * log_sigmoid(-x);
      slope(r, c) = 2 * ((1 - a) * sigmoid(x) - positive_weight_ * a * sigmoid(-x));
    }
  SmallMatrix dmean = product(slope, z);
  SmallMatrix ddeviation = dmean;
  for (size_t i = 0; i < z.values.size(); ++i) {
    dmean.values[i] += z.values[i];
    ddeviation.values[i] =
        dmean.values[i] * std::exp(log_deviation.values[i]) * noise.values[i] - 1;
  }
  pass.mean = product(transposed(spread), dmean);
  pass.deviation = product(transposed(spread), ddeviation);
  SmallMatrix dspread = product(dmean, transposed(mean_));
  const SmallMatrix other = product(ddeviation, transposed(deviation_));
  for (size_t i = 0; i < dspread.values.size(); ++i) dspread.values[i] += other.values[i];
  SmallMatrix dhidden = product(adjacency_, dspread);  // the adjacency is symmetric
  for (size_t i = 0; i < dhidden.values.size(); ++i)
    if (hidden.values[i] <= 0) dhidden.values[i] = 0;
  pass.input = product(transposed(bits_), product(adjacency_, dhidden));
  return pass;
}

std::vector<double> GraphAutoencoder::train(Random& random) {
  Adam input(input_), mean(mean_), deviation(deviation_);
  std::vector<double> losses;
  for (int64_t t = 1; t <= spec_.epochs; ++t) {
    const Pass pass = evaluate(normal_matrix(bits_.rows, spec_.latent, random));
    losses.push_back(pass.loss);
    for (size_t i = 0; i < input_.values.size(); ++i)
      input_.values[i] += count_[i / static_cast<size_t>(spec_.hidden)] *
                          input.move(spec_, t, i, pass.input.values[i]);
    for (size_t i = 0; i < mean_.values.size(); ++i) {
      mean_.values[i] += mean.move(spec_, t, i, pass.mean.values[i]);
      deviation_.values[i] += deviation.move(spec_, t, i, pass.deviation.values[i]);
    }
  }
  return losses;
}

SmallMatrix prior_adjacency(int64_t nodes, int64_t latent, Random& random) {
  const SmallMatrix z = normal_matrix(nodes, latent, random);
  SmallMatrix result = product(z, transposed(z));
  constexpr double kShrink = 1e-7;  // keeps the probabilities inside (0, 1)
  for (double& value : result.values) value = 0.5 + (1 - kShrink) * (sigmoid(value) - 0.5);
  return result;
}

}  // namespace fedcamae
