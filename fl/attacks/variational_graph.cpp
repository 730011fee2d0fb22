#include "fl/attacks/variational_graph.h"

#include <algorithm>
#include <cmath>

#include "autograd/functions.h"
#include "fl/attacks/graph_autoencoder.h"
#include "layers/optimizer.h"

namespace fedcamae {

namespace {

Tensor on_device(Context& context, const SmallMatrix& matrix) {
  const std::vector<float> values(matrix.values.begin(), matrix.values.end());
  return Tensor::from(context, {matrix.rows, matrix.cols}, values);
}

Var scaled(const Var& x, double factor) {
  return x *
         Var::constant(Tensor::full(x.value().context(), x.shape(), static_cast<float>(factor)));
}

Var sum_of_squares(const Var& x) {
  const Tensor zero = Tensor::zeros(x.value().context(), x.shape());
  return scaled(mean_squared_error(x, zero), static_cast<double>(x.value().size()));
}

std::vector<float> normal_numbers(Random& random, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

}  // namespace

VariationalGraph::VariationalGraph(Context& context, const SmallMatrix& features,
                                   const SmallMatrix& adjacency, const VariationalGraphSpec& spec,
                                   Random& random)
    : context_(context), spec_(spec), nodes_(adjacency.rows), features_(features.cols) {
  check(features.rows == nodes_ && adjacency.cols == nodes_,
        "[variational_graph] features of {} nodes, a graph of {} x {}", features.rows,
        adjacency.rows, adjacency.cols);
  const SmallMatrix normalized = normalized_adjacency(adjacency);
  spread_ = on_device(context, product(normalized, features));
  adjacency_ = on_device(context, normalized);
  SmallMatrix target = adjacency;
  double edges = 0;
  for (double value : adjacency.values) edges += value;
  for (int64_t i = 0; i < nodes_; ++i) target(i, i) += 1;
  target_ = on_device(context, target);
  const double entries = static_cast<double>(nodes_ * nodes_);
  if (edges > 0) positive_weight_ = static_cast<float>((entries - edges) / edges);

  std::vector<float> initial;
  const auto glorot = [&](int64_t out, int64_t in) {
    const double bound = std::sqrt(6.0 / static_cast<double>(in + out));
    for (int64_t i = 0; i < out * in; ++i)
      initial.push_back(static_cast<float>(random.uniform(-bound, bound)));
  };
  glorot(spec.hidden, features_);
  glorot(spec.latent, spec.hidden);
  glorot(spec.latent, spec.hidden);
  const Shape flat{static_cast<int64_t>(initial.size())};
  weights_ = Tensor::from(context, flat, initial);
  gradients_ = Tensor::zeros(context, flat);
}

Var VariationalGraph::weight(int64_t offset, int64_t rows, int64_t cols) const {
  return Var::parameter(weights_.window(offset, {rows, cols}),
                        gradients_.window(offset, {rows, cols}));
}

VariationalGraph::Code VariationalGraph::encode() const {
  const int64_t first = spec_.hidden * features_, head = spec_.latent * spec_.hidden;
  // linear(a, b) is a b^T. The hidden layer is made transposed, [hidden, K], so that the adjacency
  // can stand on its left.
  const Var hidden = relu(linear(weight(0, spec_.hidden, features_), Var::constant(spread_), {}));
  const Var spread = linear(Var::constant(adjacency_), hidden, {});  // [K, hidden]
  return {linear(spread, weight(first, spec_.latent, spec_.hidden), {}),
          linear(spread, weight(first + head, spec_.latent, spec_.hidden), {})};
}

Var VariationalGraph::loss(const Tensor& noise) const {
  const Code code = encode();
  const Var deviation = exp(code.log_deviation);
  const Var z = code.mean + deviation * Var::constant(noise);
  const Var entropy = binary_cross_entropy(linear(z, z, {}), target_, positive_weight_);
  // KL = (sum mean^2 + sum deviation^2 - count) / 2 - sum log deviation
  const double entries = static_cast<double>(nodes_ * nodes_);
  const double count = static_cast<double>(nodes_ * spec_.latent);
  const Var squares = scaled(sum_of_squares(code.mean) + sum_of_squares(deviation), 0.5 / entries);
  const Var logs = weighted_sum(
      code.log_deviation,
      Tensor::full(context_, code.log_deviation.shape(), static_cast<float>(-1 / entries)));
  const Var constant =
      Var::constant(Tensor::full(context_, {}, static_cast<float>(-0.5 * count / entries)));
  return scaled(entropy, spec_.maximise ? -1 : 1) + squares + logs + constant;
}

std::vector<double> VariationalGraph::train(Random& random) {
  Optimizer optimizer({.type = "adam", .lr = spec_.lr}, weights_, gradients_);
  std::vector<double> losses;
  for (int64_t epoch = 0; epoch < spec_.epochs; ++epoch) {
    const Tensor noise = Tensor::from(context_, {nodes_, spec_.latent},
                                      normal_numbers(random, nodes_ * spec_.latent));
    const Var value = loss(noise);
    losses.push_back(static_cast<double>(value.value().item()));
    if (!std::isfinite(losses.back())) break;
    optimizer.backward_and_step(value, spec_.lr);
  }
  return losses;
}

SmallMatrix VariationalGraph::reconstructed() const {
  const NoGrad no_grad;
  const Tensor mean = encode().mean.value();
  const std::vector<float> edges =
      ops::sigmoid(ops::gemm(mean, mean, {.transpose_b = true})).to_host();
  SmallMatrix result(nodes_, nodes_);
  for (size_t i = 0; i < edges.size(); ++i)
    if (std::isfinite(edges[i])) result.values[i] = static_cast<double>(edges[i]);
  return result;
}

}  // namespace fedcamae
