// cvt: between all types, with all roundings.
#include <limits>

#include "tests/fake_gpu/ptx_decode.h"

namespace fake_gpu::ptx {
namespace {

template <Real V>
V to_integral(V value, Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearest:
      return std::nearbyint(value);
    case Rounding::kTowardZero:
      return std::trunc(value);
    case Rounding::kDown:
      return std::floor(value);
    case Rounding::kUp:
      return std::ceil(value);
  }
  return value;
}

// The nearest value that D has; NaN becomes 0.
template <Integer D, class V>
D clamp_to(V value) {
  using Limits = std::numeric_limits<D>;
  if constexpr (Real<V>) {
    if (std::isnan(value)) return 0;
    // Beyond the largest is 2^n, which all floating-point types have exactly.
    const V beyond = std::ldexp(V{1}, Limits::digits);
    if (value >= beyond) return Limits::max();
    return value <= static_cast<V>(Limits::min()) ? Limits::min() : static_cast<D>(value);
  } else {
    if (std::cmp_less(value, Limits::min())) return Limits::min();
    return std::cmp_greater(value, Limits::max()) ? Limits::max() : static_cast<D>(value);
  }
}

enum : uint8_t { kToIntegral = 1 };

template <class D, class A>
void convert(Thread& t, const Instruction& i) {
  Value<A> value = t.get<A>(i.in[0]);
  if constexpr (Real<Value<A>>) {
    if (i.flush) value = flush_denormal(value);
    if (i.detail & kToIntegral) value = to_integral(value, i.rounding);
  }
  if constexpr (Integer<D>) {
    t.put<D>(i.out, Real<Value<A>> || i.saturate ? clamp_to<D>(value) : static_cast<D>(value));
  } else {
    const RoundingScope scope(i.rounding);
    t.put<D>(i.out, modify(i, static_cast<Value<D>>(value)));
  }
}

// cvt.rn.bf16x2.f32 d, a, b: a above b.
template <Narrow T>
void convert_pair(Thread& t, const Instruction& i) {
  const auto part = [&](int k) {
    return static_cast<uint32_t>(to_bits<T>(static_cast<double>(t.get<float>(i.in[k]))));
  };
  t.put<uint32_t>(i.out, part(0) << 16 | part(1));
}

}  // namespace

Execute decode_conversion(Opcode& op, Instruction& made) {
  const std::string_view from = op.take_type();
  const std::string_view to = op.take_type();
  made.flush = op.take("ftz");
  made.saturate = op.take("sat");
  const int integral = op.take_one_of({"rni", "rzi", "rmi", "rpi"});
  const int rounding = op.take_one_of({"rn", "rz", "rm", "rp"});
  made.detail = integral >= 0 ? kToIntegral : 0;
  made.rounding = static_cast<Rounding>(std::max({integral, rounding, 0}));
  const bool nearest = made.rounding == Rounding::kNearest;
  if (to == "bf16x2") return from == "f32" && nearest ? convert_pair<Bfloat> : nullptr;
  if (to == "f16x2") return from == "f32" && nearest ? convert_pair<Half> : nullptr;
  return with_type(to, [&]<class D>() {
    return with_type(from, [&]<class A>() -> Execute {
      if (Narrow<D> && !nearest && integral < 0) return nullptr;
      return convert<D, A>;
    });
  });
}

}  // namespace fake_gpu::ptx
