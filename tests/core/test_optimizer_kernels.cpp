// Adam's kernel at every instruction-set level: where it multiplies with a reciprocal, it rounds as
// a division does.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/core/kernel_cases.h"

namespace fedcamae {
namespace {

constexpr int64_t kCount = 1 << 16;

// m / (sqrt(v) / correction + eps): betas of 1 keep the moments, and 0 - (-1) * q is q.
std::vector<float> quotients(const cpu::CpuKernels& level, std::vector<float> m,
                             std::vector<float> v, float correction, float eps) {
  const std::vector<float> grad(m.size(), 0.0f);
  std::vector<float> parameter = grad;
  cpu::AdamStep step{};
  step.count = static_cast<int64_t>(m.size());
  step.grad = grad.data();
  step.parameter = parameter.data();
  step.m = m.data();
  step.v = v.data();
  step.decay = step.beta1 = step.beta2 = 1;
  step.root_correction = correction;
  step.step_size = -1;
  step.eps = eps;
  level.adam(step);
  return parameter;
}

TEST_CASE("adam: the root is divided by its correction, to the last bit") {
  Random random({.seed = 12, .purpose = Purpose::kTest});
  std::vector<float> squares;  // of all magnitudes, subnormal ones too
  for (int64_t i = 0; i < kCount; ++i)
    squares.push_back(static_cast<float>(std::ldexp(random.uniform(1, 2), i % 274 - 148)));
  // 1 - 0.999^t of the first epochs, the last and some in between; a mantissa of ones alone, and
  // the next number to a power of two.
  std::vector<float> corrections{1.0f, std::nextafter(1.0f, 0.0f), std::nextafter(0.5f, 1.0f)};
  for (const int t : {1, 2, 3, 7, 20, 77, 200, 3000})
    corrections.push_back(static_cast<float>(std::sqrt(1 - std::pow(0.999, t))));
  for (const float correction : corrections) {
    CAPTURE(correction);
    std::vector<float> deviations;
    for (const float square : squares) deviations.push_back(std::sqrt(square) / correction);
    for (const cpu::CpuKernels* level : test::kernel_levels()) {
      CAPTURE(level->name);
      int64_t others = 0;  // only x / x is 1
      for (const float quotient : quotients(*level, deviations, squares, correction, 0))
        others += quotient == 1.0f ? 0 : 1;
      CHECK(others == 0);
    }
  }
}

TEST_CASE("adam: nothing, infinity and NaN as second moments") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const cpu::CpuKernels* level : test::kernel_levels()) {
    CAPTURE(level->name);
    // Enough for whole vectors and a rest.
    for (const float q :
         quotients(*level, std::vector<float>(19, 3), std::vector<float>(19, 0), 0.3f, 2))
      CHECK(q == 1.5f);
    for (const float q :
         quotients(*level, std::vector<float>(19, 3), std::vector<float>(19, kInfinity), 0.3f, 2))
      CHECK(q == 0.0f);  // an exploded moment stops the step
    for (const float q : quotients(*level, std::vector<float>(19, 3),
                                   std::vector<float>(19, std::nanf("")), 0.3f, 2))
      CHECK(std::isnan(q));
  }
}

}  // namespace
}  // namespace fedcamae
