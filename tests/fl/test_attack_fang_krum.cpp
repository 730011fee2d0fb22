// fang_krum against a Krum of the test's own, which sees all uploads.
#include <algorithm>
#include <cmath>
#include <set>

#include "tests/fl/crafting.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

// Krum's scores of all vectors, over the n - f - 2 nearest others of each.
std::vector<double> krum_scores(const std::vector<Vector>& all, size_t f) {
  std::vector<double> scores;
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<double> d;
    for (size_t j = 0; j < all.size(); ++j)
      if (j != i) d.push_back(testing::squared_distance(all[i], all[j]));
    std::sort(d.begin(), d.end());
    double score = 0;
    for (size_t k = 0; k < all.size() - f - 2; ++k) score += d[k];
    scores.push_back(score);
  }
  return scores;
}
// The best of benign vectors and f copies of `upload` is the upload.
bool picked(const std::vector<Vector>& benign, const Vector& upload, size_t f) {
  std::vector<Vector> all = benign;
  all.insert(all.end(), f, upload);
  const std::vector<double> scores = krum_scores(all, f);
  const auto best = std::min_element(scores.begin(), scores.end()) - scores.begin();
  return static_cast<size_t>(best) >= benign.size();
}

// The step from w_g against sign(mean - w_g).
double lambda_of(const Vector& upload, const Vector& global, const std::vector<Vector>& benign,
                 double tolerance) {
  double first = 0;
  for (size_t j = 0; j < upload.size(); ++j) {
    double mean = 0;
    for (const Vector& x : benign) mean += x[j] - static_cast<double>(global[j]);
    const double step = (static_cast<double>(global[j]) - upload[j]) * (mean > 0 ? 1 : -1);
    if (j == 0) first = step;
    CHECK(std::abs(step - first) < tolerance);
  }
  return first;
}

Vector moved(const Vector& from, const Vector& upload, double factor) {
  Vector result = from;
  for (size_t j = 0; j < from.size(); ++j)
    result[j] = static_cast<float>(from[j] + factor * (upload[j] - static_cast<double>(from[j])));
  return result;
}

}  // namespace

// Worked out in fl/attacks/fang_krum.cpp; 3 lambda^2 + 2 lambda + 1 < 8 holds below 1.2301.
TEST_CASE("fang_krum: a worked example") {
  Crafting scene({1, 1, 1}, {{3, 1, 2}, {3, 3, 2}, {1, 1, 2}, {5, 1, 2}});
  const double lambda = (std::sqrt(8.0 / 3) + std::sqrt(17.0 / 3)) / 4;
  constexpr double kRounding = 1e-6;
  check_near(scene.weights("fang_krum"), std::vector<double>(3, 1 - lambda), kRounding);
  // One attacker is never picked: the third update is nearer to both. The step is halved to the
  // end.
  scene.attackers = {2};
  check_near(scene.weights("fang_krum"), {1, 1, 1}, 1e-5);
  const double last = 1 - static_cast<double>(scene.weights("fang_krum", {{"threshold", 0.1}})[0]);
  CHECK(last < 0.1);
  CHECK(last >= 0.05);
  // From sqrt(8 / 6) + sqrt(17 / 3), since n - 2 f - 1 is 2 now, five halvings.
  const double start = std::sqrt(8.0 / 6) + std::sqrt(17.0 / 3);
  check_near(scene.weights("fang_krum", {{"threshold", 0.2}}),
             std::vector<double>(3, 1 - start / 32), kRounding);
}

TEST_CASE("fang_krum is picked by Krum, and would not be with twice the step") {
  constexpr size_t kSize = 2003, kAttackers = 2;
  const Vector global = normal_vector(kSize, 1);
  for (const size_t count : {size_t{6}, size_t{9}}) {
    CAPTURE(count);
    const std::vector<Vector> benign = vectors_around(global, count, 0.2, 0.01, count);
    Crafting scene(global, benign);
    const Vector upload = scene.weights("fang_krum");
    const double lambda = lambda_of(upload, global, benign, 1e-6);
    CHECK(picked(benign, upload, kAttackers));
    CHECK_FALSE(picked(benign, moved(global, upload, 2), kAttackers));
    // Theorem 1 again, from the benign scores over n - f - 2 others and the radius.
    const std::vector<double> scores = krum_scores(benign, 0);
    double radius = 0;
    for (const Vector& x : benign) radius = std::max(radius, squared_distance(x, global));
    const double away = static_cast<double>(count + kAttackers) - 2.0 * kAttackers - 1;
    const double start =
        std::sqrt(*std::min_element(scores.begin(), scores.end()) / (away * kSize)) +
        std::sqrt(radius / kSize);
    const double halvings = std::log2(start / lambda);
    CHECK(std::abs(halvings - std::round(halvings)) < 1e-3);
    CHECK(halvings > 0.5);
  }
}

TEST_CASE("fang_krum: supporters differ and keep within the spread") {
  constexpr size_t kSize = 2003;
  const Vector global = normal_vector(kSize, 1);
  Crafting scene(global, vectors_around(global, 7, 0.2, 0.01, 3));
  scene.attackers = {1, 4, 6};
  for (const double spread : {0.0, 0.01, 3.0}) {
    const std::vector<ModelState> crafted = scene.craft("fang_krum", {{"spread", spread}});
    std::set<Vector> different;
    for (const ModelState& state : crafted) {
      const Vector weights = state.parameters.to_host();
      different.insert(weights);
      const double apart = std::sqrt(squared_distance(weights, crafted[0].parameters.to_host()));
      CHECK(apart <= spread);
      // Uniform numbers have a third of the largest square.
      if (&state != crafted.data()) CHECK(apart >= spread / 2);
    }
    CHECK(different.size() == (spread == 0 ? 1 : 3));
  }
}

}  // namespace fedcamae
