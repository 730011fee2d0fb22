#include <doctest/doctest.h>

#include <cmath>

#include "fl/attacks/graph_autoencoder.h"
#include "fl/attacks/graph_signal.h"

namespace fedcamae {

constexpr double kExact = 1e-12;  // a few roundings of numbers near one, in double
constexpr double kSlope = 1e-6;   // relative, central differences in double with a step of 1e-5

TEST_CASE("the column mean of regenerated features is plus or minus the mean of the features") {
  Random random({7});
  for (int64_t k : {1, 2, 5, 8}) {
    SmallMatrix first(k, k), features(k, 6);
    for (double& value : first.values) value = random.uniform();
    for (double& value : features.values) value = random.normal();
    const SmallMatrix before = left_singular_vectors(laplacian(first));
    const SmallMatrix after = left_singular_vectors(laplacian(prior_adjacency(k, 16, random)));
    const SmallMatrix formed = product(after, product(transposed(before), features));
    const std::vector<double> weights = regenerated_mean(before, after);
    const double sign = weights[0] < 0 ? -1 : 1;
    for (int64_t c = 0; c < features.cols; ++c) {
      double mean = 0, formed_mean = 0;
      for (int64_t r = 0; r < k; ++r) {
        mean += features(r, c) / static_cast<double>(k);
        formed_mean += formed(r, c) / static_cast<double>(k);
      }
      CHECK(std::abs(formed_mean - sign * mean) < kExact);
    }
    for (double weight : weights) CHECK(std::abs(weight - sign / static_cast<double>(k)) < kExact);
  }
}

TEST_CASE("the graph autoencoder's gradients are its loss's slopes") {
  Random random({8});
  FeaturePatterns patterns;
  patterns.nodes = 5;
  patterns.features = 40;
  for (uint64_t pattern : {0b00101, 0b11111, 0b01010}) patterns.add(pattern, 4);
  GraphAutoencoder model(patterns, training_graph(5, random), {}, random);
  SmallMatrix noise(5, 16);
  for (double& value : noise.values) value = random.normal();
  const GraphAutoencoder::Pass pass = model.evaluate(noise);
  const auto check_slope = [&](SmallMatrix& weights, const SmallMatrix& gradient) {
    for (size_t i = 0; i < weights.values.size(); i += 17) {
      const double kept = weights.values[i];
      weights.values[i] = kept + 1e-5;
      const double up = model.evaluate(noise).loss;
      weights.values[i] = kept - 1e-5;
      const double down = model.evaluate(noise).loss;
      weights.values[i] = kept;
      CHECK(std::abs((up - down) / 2e-5 - gradient.values[i]) <
            kSlope * (1 + std::abs(gradient.values[i])));
    }
  };
  check_slope(model.input(), pass.input);
  check_slope(model.mean(), pass.mean);
  check_slope(model.deviation(), pass.deviation);
}

}  // namespace fedcamae
