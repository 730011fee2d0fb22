#include "tests/support/guard.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/ops.h"

namespace fedcamae::testing {
namespace {
// Odd, so that vector loads are not aligned by luck; longer than any vector tile's overhang.
constexpr int64_t kZone = 131;
constexpr float kPattern = -12345.678f;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
}  // namespace

Guarded::Guarded(Context& context, const Shape& shape)
    : whole_(Tensor::full(context, Shape{shape.size() + 2 * kZone}, kPattern)),
      inner_(whole_.window(kZone, shape)),
      value_(kPattern) {
  ops::fill_(inner_, kNan);
}

Guarded::Guarded(Context& context, const Array<double>& x)
    : whole_(Tensor::full(context, Shape{x.size() + 2 * kZone}, kNan)),
      inner_(whole_.window(kZone, x.shape)),
      value_(kNan) {
  ops::copy_(to_tensor(context, x), inner_);
}

void Guarded::check_untouched() const {
  const std::vector<float> host = whole_.to_host();
  int64_t touched = 0;
  for (int64_t i = 0; i < whole_.size(); ++i) {
    const bool inside = i >= kZone && i < whole_.size() - kZone;
    // The bits: the pattern may be NaN.
    const auto bits = std::bit_cast<uint32_t>(host[static_cast<size_t>(i)]);
    if (!inside && bits != std::bit_cast<uint32_t>(value_)) ++touched;
  }
  CHECK(touched == 0);
}

}  // namespace fedcamae::testing
