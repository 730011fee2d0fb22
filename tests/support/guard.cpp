#include "tests/support/guard.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/ops.h"

namespace fedcamae::testing {
namespace {
constexpr float kPattern = -12345.678f;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
}  // namespace

Guarded::Guarded(Context& context, const Shape& shape)
    : whole_(Tensor::full(context, Shape{shape.size() + 2 * zone_}, kPattern)),
      inner_(whole_.window(zone_, shape)),
      value_(kPattern) {
  ops::fill_(inner_, kNan);
}

Guarded::Guarded(Context& context, const Array<double>& x)
    : whole_(Tensor::full(context, Shape{x.size() + 2 * zone_}, kNan)),
      inner_(whole_.window(zone_, x.shape)),
      value_(kNan) {
  ops::copy_(to_tensor(context, x), inner_);
}

void Guarded::check_untouched() const {
  const std::vector<float> host = whole_.to_host();
  int64_t touched = 0;
  for (int64_t i = 0; i < whole_.size(); ++i) {
    const bool inside = i >= zone_ && i < whole_.size() - zone_;
    // The bits: the pattern may be NaN.
    const auto bits = std::bit_cast<uint32_t>(host[static_cast<size_t>(i)]);
    if (!inside && bits != std::bit_cast<uint32_t>(value_)) ++touched;
  }
  CHECK(touched == 0);
}

}  // namespace fedcamae::testing
