// The arithmetic of PTX, one line for each opcode.
#include <stdexcept>

#include "tests/fake_gpu/ptx_decode.h"

namespace fake_gpu::ptx {
namespace {

template <Integer T>
using Wide = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
                       std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;
template <Integer T>
using Unsigned = std::make_unsigned_t<T>;

// Signed overflow wraps, as it does in PTX.
template <Real T>
T add(T a, T b) {
  return a + b;
}
template <Integer T>
T add(T a, T b) {
  return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
}
template <Real T>
T subtract(T a, T b) {
  return a - b;
}
template <Integer T>
T subtract(T a, T b) {
  return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
}
template <Integer T>
T low_product(T a, T b) {
  return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
}
template <Integer T>
T high_product(T a, T b) {
  return static_cast<T>((static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b)) >> (8 * sizeof(T)));
}

template <Real T>
T quotient(T a, T b) {
  return a / b;
}
template <Integer T>
T quotient(T a, T b) {
  if (b == 0) throw std::domain_error("divides an integer by zero");
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return subtract(T{0}, a);
  return static_cast<T>(a / b);
}
template <Integer T>
T remainder(T a, T b) {
  return subtract(a, low_product(quotient(a, b), b));
}

template <Real T>
T negative(T a) {
  return -a;
}
template <Integer T>
T negative(T a) {
  return subtract(T{0}, a);
}
template <class T>
T magnitude(T a) {
  if constexpr (Real<T>) return std::abs(a);
  if constexpr (std::is_signed_v<T>)
    if (a < 0) return negative(a);
  return a;
}

// NaN only where both are; -0 is below +0.
template <Real T>
T smaller(T a, T b) {
  if (std::isnan(a)) return b;
  if (a == b) return std::signbit(a) ? a : b;
  return b < a ? b : a;
}
template <Integer T>
T smaller(T a, T b) {
  return std::min(a, b);
}
template <Real T>
T larger(T a, T b) {
  if (std::isnan(a)) return b;
  if (a == b) return std::signbit(a) ? b : a;
  return b > a ? b : a;
}
template <Integer T>
T larger(T a, T b) {
  return std::max(a, b);
}

// The .approx functions have an error on a GPU; here they are right to the last bit.
template <class F>
Execute approximate(std::string_view type, const Instruction& made, F) {
  return compute(type, made,
                 [](Real auto a) { return static_cast<decltype(a)>(F{}(static_cast<double>(a))); });
}

Execute decode_product(Opcode& op, std::string_view type, const Instruction& made) {
  if (op.take("wide")) {
    if (op.is("mul"))
      return compute(
          type, made, []<Integer T>(T a, T b) requires(sizeof(T) == 2 || sizeof(T) == 4) {
            return static_cast<Wide<T>>(static_cast<Wide<T>>(a) * b);
          });
    return with_type(type, []<class T>() -> Execute {
      if constexpr (Integer<T> && (sizeof(T) == 2 || sizeof(T) == 4))
        return [](Thread& t, const Instruction& i) {
          const auto product = static_cast<Wide<T>>(t.get<T>(i.in[0])) * t.get<T>(i.in[1]);
          t.put<Wide<T>>(i.out, add<Wide<T>>(product, t.get<Wide<T>>(i.in[2])));
        };
      return nullptr;
    });
  }
  // clang-format off
  if (op.take("hi")) {
    if (op.is("mul")) return compute(type, made, []<Integer T>(T a, T b) requires(sizeof(T) > 1) { return high_product(a, b); });
    return compute(type, made, []<Integer T>(T a, T b, T c) requires(sizeof(T) > 1) { return add(high_product(a, b), c); });
  }
  if (op.take("lo")) {
    if (op.is("mul")) return compute(type, made, []<Integer T>(T a, T b) requires(sizeof(T) > 1) { return low_product(a, b); });
    return compute(type, made, []<Integer T>(T a, T b, T c) requires(sizeof(T) > 1) { return add(low_product(a, b), c); });
  }
  if (op.is("mul")) return compute(type, made, [](Real auto a, auto b) -> decltype(a) { return a * b; });
  return compute(type, made, []<Real T>(T a, T b, T c) { return std::fma(a, b, c); });
  // clang-format on
}

// add.cc, addc.cc, sub.cc// add.cc, addc, sub.cc, subc, mad.lo.cc, madc.hi: sums with the carry
// flag.
enum : uint8_t { kCarryIn = 1, kCarryOut = 2, kMinus = 4, kLow = 8, kHigh = 16 };

template <Integer T>
void carry(Thread& t, const Instruction& i) {
  using U = Unsigned<T>;
  T a = t.get<T>(i.in[0]), b = t.get<T>(i.in[1]);
  if (i.detail & (kLow | kHigh)) {
    a = i.detail & kLow ? low_product(a, b) : high_product(a, b);
    b = t.get<T>(i.in[2]);
  }
  const unsigned __int128 more =
      static_cast<U>(b) + (unsigned __int128){(i.detail & kCarryIn) ? t.registers[kCarry] : 0};
  const unsigned __int128 sum =
      i.detail & kMinus ? static_cast<U>(a) - more : static_cast<U>(a) + more;
  if (i.detail & kCarryOut) t.registers[kCarry] = static_cast<uint64_t>(sum >> (8 * sizeof(T))) & 1;
  t.put<T>(i.out, static_cast<T>(sum));
}

Execute decode_carry(Opcode& op, std::string_view type, Instruction& made) {
  const bool in = op.is("addc") || op.is("subc") || op.is("madc");
  const bool minus = op.is("sub") || op.is("subc");
  const int half = op.take_one_of({"lo", "hi"});
  made.detail = static_cast<uint8_t>((in ? kCarryIn : 0) | (op.take("cc") ? kCarryOut : 0) |
                                     (minus ? kMinus : 0) |
                                     (half == 0   ? kLow
                                      : half == 1 ? kHigh
                                                  : 0));
  return with_type(type, []<class T>() -> Execute {
    if constexpr (Integer<T> && sizeof(T) >= 4) return carry<T>;
    return nullptr;
  });
}

// setp.lt.and.f32 p|q, a, b, c: p = (a < b) and c, q = !(a < b) and c.
enum : uint8_t { kAlone, kAnd, kOr, kXor };

bool combine(uint8_t how, bool a, bool b) {
  return how == kAnd ? a && b : how == kOr ? a || b : how == kXor ? a != b : a;
}

template <class T, class F>
void set_predicate(Thread& t, const Instruction& i) {
  const bool is = call_with<T>(t, i, F{});
  const bool more = t.get<bool>(i.in[2]);
  t.put<bool>(i.out, combine(i.detail, is, more));
  t.put<bool>(i.out2, combine(i.detail, !is, more));
}

template <class F>
Execute comparison(std::string_view type, F) {
  return with_type(type, []<class T>() -> Execute {
    if constexpr (std::is_invocable_v<F, Value<T>, Value<T>>) return set_predicate<T, F>;
    return nullptr;
  });
}

Execute decode_comparison(Opcode& op, std::string_view type, Instruction& made) {
  made.detail = static_cast<uint8_t>(op.take_one_of({"and", "or", "xor"}) + 1);
  // clang-format off
  if (op.take("eq")) return comparison(type, [](auto a, decltype(a) b) { return a == b; });
  if (op.take("ne")) return comparison(type, [](auto a, decltype(a) b) { return a < b || a > b; });
  if (op.take("lt") || op.take("lo")) return comparison(type, [](auto a, decltype(a) b) { return a < b; });
  if (op.take("le") || op.take("ls")) return comparison(type, [](auto a, decltype(a) b) { return a <= b; });
  if (op.take("gt") || op.take("hi")) return comparison(type, [](auto a, decltype(a) b) { return a > b; });
  if (op.take("ge") || op.take("hs")) return comparison(type, [](auto a, decltype(a) b) { return a >= b; });
  if (op.take("equ")) return comparison(type, [](Real auto a, decltype(a) b) { return !(a < b || a > b); });
  if (op.take("neu")) return comparison(type, [](Real auto a, decltype(a) b) { return a != b; });
  if (op.take("ltu")) return comparison(type, [](Real auto a, decltype(a) b) { return !(a >= b); });
  if (op.take("leu")) return comparison(type, [](Real auto a, decltype(a) b) { return !(a > b); });
  if (op.take("gtu")) return comparison(type, [](Real auto a, decltype(a) b) { return !(a <= b); });
  if (op.take("geu")) return comparison(type, [](Real auto a, decltype(a) b) { return !(a < b); });
  if (op.take("num")) return comparison(type, [](Real auto a, decltype(a) b) { return !std::isunordered(a, b); });
  if (op.take("nan")) return comparison(type, [](Real auto a, decltype(a) b) { return std::isunordered(a, b); });
  // clang-format on
  return nullptr;
}

}  // namespace

Execute decode_arithmetic(Opcode& op, Instruction& made) {
  if (op.is("setp")) {
    made.flush = op.take("ftz");
    const std::string_view type = op.take_type();
    return decode_comparison(op, type, made);
  }
  if (op.is("cvt")) return decode_conversion(op, made);  // ptx_convert.cpp
  static constexpr std::string_view kMine[] = {
      "add", "addc", "sub",  "subc", "mul",   "mad", "madc", "fma", "div", "rem",  "min",     "max",
      "abs", "neg",  "sqrt", "rcp",  "rsqrt", "ex2", "lg2",  "sin", "cos", "tanh", "copysign"};
  if (std::find(std::begin(kMine), std::end(kMine), op.name()) == std::end(kMine)) return nullptr;

  const int rounding = op.take_one_of({"rn", "rz", "rm", "rp"});
  made.rounding = static_cast<Rounding>(std::max(rounding, 0));
  made.flush = op.take("ftz");
  made.saturate = op.take("sat");
  const std::string_view type = op.take_type();
  if (op.is("addc") || op.is("subc") || op.is("madc") || op.has("cc"))
    return decode_carry(op, type, made);
  if (op.is("mul") || op.is("mad") || op.is("fma")) return decode_product(op, type, made);
  const bool exact = !op.take("approx") && !op.take("full");
  // clang-format off
  if (op.is("add")) return compute(type, made, [](auto a, decltype(a) b) { return add(a, b); });
  if (op.is("sub")) return compute(type, made, [](auto a, decltype(a) b) { return subtract(a, b); });
  if (op.is("div")) return compute(type, made, [](auto a, decltype(a) b) { return quotient(a, b); });
  if (op.is("rem")) return compute(type, made, [](Integer auto a, decltype(a) b) { return remainder(a, b); });
  if (op.is("abs")) return compute(type, made, [](auto a) { return magnitude(a); });
  if (op.is("neg")) return compute(type, made, [](auto a) { return negative(a); });
  if (op.is("min") && op.take("NaN")) return compute(type, made, [](Real auto a, decltype(a) b) { return std::isunordered(a, b) ? a + b : smaller(a, b); });
  if (op.is("max") && op.take("NaN")) return compute(type, made, [](Real auto a, decltype(a) b) { return std::isunordered(a, b) ? a + b : larger(a, b); });
  if (op.is("min")) return compute(type, made, [](auto a, decltype(a) b) { return smaller(a, b); });
  if (op.is("max")) return compute(type, made, [](auto a, decltype(a) b) { return larger(a, b); });
  if (op.is("sqrt")) return compute(type, made, [](Real auto a) { return std::sqrt(a); });
  if (op.is("rcp")) return compute(type, made, [](Real auto a) { return decltype(a){1} / a; });
  if (op.is("copysign")) return compute(type, made, [](Real auto a, decltype(a) b) { return std::copysign(b, a); });
  if (exact) return nullptr;
  if (op.is("rsqrt")) return approximate(type, made, [](double a) { return 1 / std::sqrt(a); });
  if (op.is("ex2")) return approximate(type, made, [](double a) { return std::exp2(a); });
  if (op.is("lg2")) return approximate(type, made, [](double a) { return std::log2(a); });
  if (op.is("sin")) return approximate(type, made, [](double a) { return std::sin(a); });
  if (op.is("cos")) return approximate(type, made, [](double a) { return std::cos(a); });
  if (op.is("tanh")) return approximate(type, made, [](double a) { return std::tanh(a); });
  // clang-format on
  return nullptr;
}

}  // namespace fake_gpu::ptx
