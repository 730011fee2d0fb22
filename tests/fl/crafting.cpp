#include "tests/fl/crafting.h"

#include <cmath>

#include "core/random.h"

namespace fedcamae::testing {

std::vector<Vector> vectors_around(const Vector& center, size_t count, double shift,
                                   double deviation, uint64_t seed) {
  Random random({.seed = seed});
  std::vector<Vector> vectors(count, center);
  for (Vector& vector : vectors)
    for (float& value : vector)
      value = static_cast<float>(value + deviation * (shift + random.normal()));
  return vectors;
}

Vector normal_vector(size_t size, uint64_t seed) {
  return vectors_around(Vector(size, 0.0f), 1, 0, 1, seed)[0];
}

double squared_distance(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += difference * difference;
  }
  return sum;
}

void check_near(const Vector& got, const std::vector<double>& expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CAPTURE(got[i]);
    CAPTURE(expected[i]);
    CHECK(std::abs(got[i] - expected[i]) <= tolerance);
  }
}

}  // namespace fedcamae::testing
