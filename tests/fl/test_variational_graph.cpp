// The paper's graph autoencoder on the engine's tape, against its formulas in NumPy, in double:
//   A = [[0, .5, .1], [.5, 0, .3], [.1, .3, 0]], N = D^-1/2 (A + I) D^-1/2, X, W, M, S below,
//   H = relu(N X W^T), mean = N H M^T, log deviation = N H S^T, z = mean + exp(.) noise,
//   w = (9 - 1.8) / 1.8 = 4, cross-entropy of sigmoid(z z^T) and A + I 2.20460183, KL / 9
//   0.47078861
#include "fl/attacks/variational_graph.h"

#include <cmath>

#include "core/ops.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

constexpr double kFloat = 1e-5;  // float32, some twenty operations on numbers below 10

struct Scene {
  Context context{device_options(1)};
  SmallMatrix adjacency{3, 3}, features{3, 2};
  Scene() {
    adjacency.values = {0, .5, .1, .5, 0, .3, .1, .3, 0};
    features.values = {1, 0, 0, 1, .5, -.5};
  }
  VariationalGraph model(const VariationalGraphSpec& spec, uint64_t seed = 1) {
    Random random({.seed = seed});
    return {context, features, adjacency, spec, random};
  }
  // W [2, 2], M [1, 2], S [1, 2].
  VariationalGraph worked(bool maximise) {
    VariationalGraph graph = model({.hidden = 2, .latent = 1, .maximise = maximise});
    const std::vector<float> weights{2, -1, -1, 3, 3, -2, -.2f, .4f};
    ops::copy_(Tensor::from(context, {8}, weights), graph.weights());
    return graph;
  }
  Tensor noise() {
    const std::vector<float> values{.5f, -1, .25f};
    return Tensor::from(context, {3, 1}, values);
  }
};

}  // namespace

TEST_CASE("the paper's graph autoencoder: loss and reconstruction are the formulas'") {
  Scene scene;
  const VariationalGraph graph = scene.worked(false);
  CHECK(std::abs(graph.loss(scene.noise()).value().item() - 2.67539044) <= kFloat);
  CHECK(std::abs(scene.worked(true).loss(scene.noise()).value().item() - -1.73381323) <= kFloat);
  const std::vector<double> expected{.95080788, .81440896, .97691395, .81440896, .67667293,
                                     .86648343, .97691395, .86648343, .9913034};
  const SmallMatrix edges = graph.reconstructed();
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(std::abs(edges.values[i] - expected[i]) <= kFloat);
}

TEST_CASE("the tape's gradient is the loss's slope, in every weight") {
  Scene scene;
  const VariationalGraph graph = scene.worked(false);
  const Tensor noise = scene.noise();
  // Central differences in float32 with a step of 1e-2: its square and 1e-6 / 1e-2 of rounding.
  constexpr double kSlope = 5e-3;
  const std::vector<float> weights = graph.weights().to_host();
  backward(graph.loss(noise));
  const std::vector<float> gradient = graph.gradients().to_host();
  for (size_t i = 0; i < weights.size(); ++i) {
    CAPTURE(i);
    const auto loss_at = [&](float value) {
      std::vector<float> moved = weights;
      moved[i] = value;
      ops::copy_(Tensor::from(scene.context, {8}, moved), graph.weights());
      return static_cast<double>(graph.loss(noise).value().item());
    };
    const double slope = (loss_at(weights[i] + 1e-2f) - loss_at(weights[i] - 1e-2f)) / 2e-2;
    CHECK(std::abs(slope - gradient[i]) <= kSlope * (1 + std::abs(gradient[i])));
  }
}

TEST_CASE("training lowers the loss; where the reconstruction is maximised, it fits worse") {
  Scene scene;
  const auto trained = [&](int64_t epochs, bool maximise) {
    VariationalGraph graph = scene.model({.epochs = epochs, .maximise = maximise});
    Random random({.seed = 2});
    const std::vector<double> losses = graph.train(random);
    return std::pair(losses, graph.reconstructed());
  };
  const auto mean_of = [](const std::vector<double>& losses, size_t first) {
    double sum = 0;
    for (size_t i = first; i < first + 20; ++i) sum += losses.at(i) / 20;
    return sum;
  };
  const auto misfit = [&](const SmallMatrix& edges) {
    double sum = 0;
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j)
        sum += std::abs(edges(i, j) - scene.adjacency(i, j) - (i == j ? 1 : 0));
    return sum;
  };
  const std::vector<double> losses = trained(200, false).first;
  CHECK(losses.size() == 200);
  CHECK(mean_of(losses, 180) < mean_of(losses, 0) - 0.02);
  CHECK(misfit(trained(60, true).second) > misfit(trained(60, false).second) + 0.1);
  // It has no lower bound; what comes out is a graph all the same.
  for (const double edge : trained(3000, true).second.values) CHECK((edge >= 0 && edge <= 1));
}

TEST_CASE("weights that overflow leave a graph of numbers") {
  Scene scene;
  const VariationalGraph graph = scene.worked(false);
  ops::scale_(1e30f, graph.weights());
  for (const double edge : graph.reconstructed().values) CHECK((edge >= 0 && edge <= 1));
}

TEST_CASE("two groups of models: the reconstruction joins each and parts them") {
  Scene scene;
  scene.adjacency = SmallMatrix(6, 6);
  scene.features = SmallMatrix(6, 2);
  for (int64_t i = 0; i < 6; ++i) {
    scene.features(i, i / 3) = 1;
    for (int64_t j = 0; j < 6; ++j)
      if (i != j) scene.adjacency(i, j) = i / 3 == j / 3 ? 0.9 : 0.1;
  }
  VariationalGraph graph = scene.model({.epochs = 300});
  Random random({.seed = 3});
  graph.train(random);
  const SmallMatrix edges = graph.reconstructed();
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t j = 0; j < 6; ++j)
      if (i != j) CHECK((edges(i, j) > 0.6) == (i / 3 == j / 3));
}

}  // namespace fedcamae
