// The released detector against PyTorch on the same maps (tools/make_fedcamae_golden.py).
#include "defense/reference_detector.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/defense/server.h"
#include "tests/models/golden.h"

namespace fedcamae {
namespace {

// 200 steps of Adam: another order of the same float32 sums may be a few times as far from float64
// as PyTorch's float32 is, which the dump holds.
constexpr double kTimesTorch = 8.0;
constexpr double kFloor = 1e-6;  // of errors of 1e-4 to 3e-2

TEST_CASE("errors and threshold of the released settings are PyTorch's on the same maps") {
  const SafeTensors golden = testing::read_golden("fedcamae_reference.safetensors");
  const auto& shape = golden.tensors().at("maps").shape;
  testing::Server server;  // its rounds have the seed of the dump
  HeatMaps maps{std::llround(std::sqrt(static_cast<double>(shape[1]))), 1, {}};
  const Tensor rows = Tensor::from(server.context(), {shape[0], shape[1]}, golden.floats("maps"));
  for (int64_t row = 0; row < shape[0]; ++row)
    maps.rows.push_back(rows.window(row * shape[1], {shape[1]}));

  const ReferenceSpec spec;
  const std::vector<double> errors =
      reconstruct_maps(maps, spec.autoencoder, server.round()).errors;
  const std::vector<float> expected = golden.floats("errors"), flags = golden.floats("flags");
  const auto slack = [&](const std::string& name) {
    return kFloor + kTimesTorch * static_cast<double>(golden.floats(name + ".distance")[0]);
  };
  REQUIRE(errors.size() == expected.size());
  const double threshold = score_threshold(errors, spec.rule, spec.k);
  CHECK(std::abs(threshold - static_cast<double>(golden.floats("threshold")[0])) <=
        slack("threshold"));
  for (size_t i = 0; i < errors.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(errors[i] - static_cast<double>(expected[i])) <= slack("errors"));
    CHECK((errors[i] > threshold) == (flags[i] != 0));
  }
}

TEST_CASE("the defaults are the released code's") {
  const ReferenceSpec spec;
  CHECK(spec.maps.side == 224);
  CHECK(spec.probe.count == 1);
  CHECK(spec.probe.size == 224);
  CHECK(spec.autoencoder.hidden == std::vector<int64_t>{128});
  CHECK(spec.autoencoder.epochs == 200);
  CHECK(spec.rule == ThresholdRule::kMeanStd);
  CHECK(spec.k == 1);
  CHECK(spec.vote == 3);
}

}  // namespace
}  // namespace fedcamae
