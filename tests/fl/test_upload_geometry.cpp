// Norms, distances and cosines of uploads, against a triangle whose sides are known.
#include <cmath>
#include <limits>

#include "fl/upload_geometry.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

ModelState state_of(Context& context, const std::vector<float>& parameters) {
  return {Tensor::from(context, Shape{static_cast<int64_t>(parameters.size())}, parameters),
          Tensor::zeros(context, Shape{1}),
          {}};
}

}  // namespace

// The global model is (1, 1). Benign: (4, 5) and (0, 1), whose mean is (2, 3), an update of (1, 2).
// The attacker at (1, 6): its update is (0, 5), as long as that of (4, 5), which is (3, 4).
TEST_CASE("geometry: updates from the global model, distances from the benign mean, cosines") {
  Context context(device_options(1));
  Context other(device_options(1));
  const ModelState global = state_of(context, {1, 1});
  const std::vector<ClientUpdate> updates = {
      {2, state_of(other, {4, 5})}, {5, state_of(context, {1, 6})}, {7, state_of(context, {0, 1})}};
  const std::vector<int64_t> attackers = {5, 9};
  const Tensor mean = benign_mean(updates, attackers, global);
  CHECK(mean.to_host() == std::vector<float>{2, 3});
  const std::vector<UploadGeometry> geometry = upload_geometry(updates, mean, global);
  REQUIRE(geometry.size() == 3);
  CHECK(geometry[0].norm == doctest::Approx(5));
  CHECK(geometry[1].norm == doctest::Approx(5));
  CHECK(geometry[2].norm == doctest::Approx(1));
  CHECK(geometry[0].distance == doctest::Approx(std::sqrt(8)));
  CHECK(geometry[1].distance == doctest::Approx(std::sqrt(10)));
  CHECK(geometry[2].distance == doctest::Approx(std::sqrt(8)));
  CHECK(geometry[0].cosine == doctest::Approx(11 / (5 * std::sqrt(5))));  // (3, 4) and (1, 2)
  CHECK(geometry[1].cosine == doctest::Approx(10 / (5 * std::sqrt(5))));  // (0, 5)
  CHECK(geometry[2].cosine == doctest::Approx(-1 / std::sqrt(5)));        // (-1, 0)
}

TEST_CASE("geometry: a benign update that is not finite has no part in the mean") {
  Context context(device_options(1));
  const ModelState global = state_of(context, {9, 9});
  const std::vector<ClientUpdate> updates = {
      {0, state_of(context, {0, 0})},
      {1, state_of(context, {std::numeric_limits<float>::quiet_NaN(), 1})},
      {2, state_of(context, {2, 0})}};
  CHECK(benign_mean(updates, {}, global).to_host() == std::vector<float>{1, 0});
}

TEST_CASE("geometry: nobody benign, an update of no length, weights that are not finite") {
  Context context(device_options(1));
  const ModelState global = state_of(context, {1, 1});
  const std::vector<int64_t> all = {0, 1};
  const std::vector<ClientUpdate> updates = {
      {0, state_of(context, {1, 1})},
      {1, state_of(context, {std::numeric_limits<float>::infinity(), 0})}};
  const Tensor mean = benign_mean(updates, all, global);
  CHECK(mean.to_host() == std::vector<float>{1, 1});
  const std::vector<UploadGeometry> geometry = upload_geometry(updates, mean, global);
  CHECK(geometry[0].norm == 0);
  CHECK(geometry[0].distance == 0);
  CHECK(std::isnan(geometry[0].cosine));
  CHECK_FALSE(std::isfinite(geometry[1].norm));
  CHECK_FALSE(std::isfinite(geometry[1].cosine));
}

}  // namespace fedcamae
