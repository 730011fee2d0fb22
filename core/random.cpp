#include "core/random.h"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/error.h"

namespace fedcamae {

uint32_t Random::next() {
  if (used_ == 4) {
    // 32 bits of block index, then round, client and purpose: 2^34 numbers per key.
    const r123::Philox4x32::ctr_type counter = {{static_cast<uint32_t>(block_), key_.round,
                                                 key_.client, static_cast<uint32_t>(key_.purpose)}};
    const r123::Philox4x32::key_type key = {
        {static_cast<uint32_t>(key_.seed), static_cast<uint32_t>(key_.seed >> 32)}};
    const auto bits = r123::Philox4x32()(counter, key);
    std::copy(bits.begin(), bits.end(), buffer_);
    check(++block_ < (uint64_t{1} << 32), "[random] a key gives 2^34 numbers, all are used");
    used_ = 0;
  }
  return buffer_[used_++];
}

void Random::skip(uint64_t words) {
  const uint64_t to = position() + words;
  block_ = to / 4;
  used_ = 4;
  for (uint64_t word = 0; word < to % 4; ++word) next();
}

uint64_t Random::below(uint64_t bound) {
  check(bound > 0, "[random] below(0)");
  const uint64_t reject_under = (0 - bound) % bound;  // 2^64 mod bound
  while (true) {
    const uint64_t high = next();
    const uint64_t bits = high << 32 | next();
    if (bits >= reject_under) return bits % bound;
  }
}

double Random::uniform() {
  const uint64_t high = next();
  const uint64_t bits = high << 32 | next();
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

double Random::gamma(double shape) {
  check(shape > 0, "[random] gamma needs shape > 0, got {}", shape);
  // Below 1: gamma(a) = gamma(a + 1) * U^(1 / a).
  if (shape < 1.0) return gamma(shape + 1.0) * std::pow(1.0 - uniform(), 1.0 / shape);
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = normal();
    const double v = std::pow(1.0 + c * x, 3);
    if (v <= 0) continue;
    const double u = 1.0 - uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

std::vector<double> Random::dirichlet(double alpha, int64_t n) {
  std::vector<double> p(static_cast<size_t>(n));
  double total = 0;
  for (double& value : p) total += value = gamma(alpha);
  // A tiny alpha can underflow every draw: all mass then goes to one part, the limit's law.
  if (total <= 0) {
    std::fill(p.begin(), p.end(), 0.0);
    p[below(p.size())] = total = 1.0;
  }
  for (double& value : p) value /= total;
  return p;
}

std::vector<int64_t> Random::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  shuffle(std::span(order));
  return order;
}

std::vector<int64_t> Random::choose(int64_t n, int64_t k) {
  check(k >= 0 && k <= n, "[random] cannot choose {} of {}", k, n);
  std::vector<int64_t> order = permutation(n);
  order.resize(static_cast<size_t>(k));
  return order;
}

}  // namespace fedcamae
