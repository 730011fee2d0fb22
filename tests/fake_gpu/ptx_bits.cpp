// Logic, shifts, moves and selections, one line for each opcode.
#include <limits>

#include "tests/fake_gpu/ptx_decode.h"

namespace fake_gpu::ptx {
namespace {

template <Integer T>
constexpr uint32_t kBits = 8 * sizeof(T);

// A shift by the width or more leaves zeros, or the sign.
template <Integer T>
T shift_left(T a, T b) {
  const auto by = static_cast<uint32_t>(b);
  return by < kBits<T> ? static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << by) : T{0};
}
template <Integer T>
T shift_right(T a, T b) {
  const auto by = static_cast<uint32_t>(b);
  return static_cast<T>(by < kBits<T> ? a >> by : a < 0 ? -1 : 0);
}

// Any function of three bits: bit 4a + 2b + c of the table.
uint32_t look_up(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  for (uint32_t row = 0; row < 8; ++row)
    if (table >> row & 1) result |= (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
  return result;
}

// Each digit of the selector picks one of the eight bytes of b:a, or copies its sign.
uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = uint64_t{b} << 32 | a;
  uint32_t result = 0;
  for (uint32_t k = 0; k < 4; ++k) {
    const uint32_t digit = selector >> 4 * k;
    uint32_t byte = static_cast<uint32_t>(bytes >> 8 * (digit & 7)) & 0xff;
    if (digit & 8) byte = byte & 0x80 ? 0xff : 0;
    result |= byte << 8 * k;
  }
  return result;
}

template <Integer T>
T extract(T a, uint32_t from, uint32_t length) {
  from &= 0xff;
  length &= 0xff;
  if (length == 0) return 0;
  const uint32_t last = std::min(from + length - 1, kBits<T> - 1);
  const T sign =
      std::is_signed_v<T> && (shift_right(a, static_cast<T>(last)) & 1) ? static_cast<T>(-1) : T{0};
  T result = sign;
  for (uint32_t k = 0; k < std::min(length, kBits<T>); ++k) {
    const auto bit = static_cast<T>(from + k < kBits<T> ? a >> (from + k) & 1 : sign & 1);
    result = static_cast<T>((result & ~(T{1} << k)) | (bit << k));
  }
  return result;
}

template <Integer T>
T insert(T a, T b, uint32_t from, uint32_t length) {
  from &= 0xff;
  length &= 0xff;
  T mask = 0;
  for (uint32_t k = from; k < std::min(from + length, kBits<T>); ++k) mask |= T{1} << k;
  return (b & ~mask) | (shift_left(a, static_cast<T>(from)) & mask);
}

template <Integer T>
T reverse(T a) {
  T result = 0;
  for (uint32_t k = 0; k < kBits<T>; ++k) result |= (a >> k & 1) << (kBits<T> - 1 - k);
  return result;
}

// The highest bit that is not the sign's, or all ones.
template <Integer T>
uint32_t find_highest(T a) {
  const auto bits = static_cast<std::make_unsigned_t<T>>(a < 0 ? ~a : a);
  return static_cast<uint32_t>(std::bit_width(bits)) - 1;
}

// The upper or lower word of b:a, shifted.
template <bool kLeft, bool kWrap>
uint32_t funnel(uint32_t a, uint32_t b, uint32_t c) {
  const uint32_t by = kWrap ? c & 31 : std::min(c, 32u);
  const uint64_t both = uint64_t{b} << 32 | a;
  if (kLeft) return by == 32 ? a : static_cast<uint32_t>(both << by >> 32);
  return static_cast<uint32_t>(both >> by);
}

// mov.b64 {%r1, %r2}, %rd1 and back: vectors of two or four.
uint32_t target(const Instruction& i, uint32_t k) {
  return k == 0 ? i.out : k == 1 ? i.out2 : i.in[k].reg;
}
void pack(Thread& t, const Instruction& i) {
  const uint32_t bits = i.detail;
  uint64_t word = 0;
  for (uint32_t k = 0; k < i.count; ++k)
    word |= (t.get<uint64_t>(i.in[k]) & ((uint64_t{1} << bits) - 1)) << bits * k;
  t.put<uint64_t>(i.out, word);
}
void unpack(Thread& t, const Instruction& i) {
  const uint32_t bits = i.detail;
  const uint64_t word = t.get<uint64_t>(i.in[0]);
  for (uint32_t k = 0; k < i.count; ++k)
    t.put<uint64_t>(target(i, k), word >> bits * k & ((uint64_t{1} << bits) - 1));
}

Execute decode_move(Opcode& op, Instruction& made) {
  const std::string_view type = op.take_type();
  made.detail = made.count > 1 ? static_cast<uint8_t>(8 * type_bytes(type) / made.count) : 0;
  if (made.count > 1) return made.source->arguments[0].list.empty() ? pack : unpack;
  return [](Thread& t, const Instruction& i) { t.put<uint64_t>(i.out, t.get<uint64_t>(i.in[0])); };
}

template <class P>
void select(Thread& t, const Instruction& i) {
  bool first = false;
  if constexpr (std::same_as<P, bool>)
    first = t.get<P>(i.in[2]);
  else
    first = t.get<P>(i.in[2]) >= 0;
  t.put<uint64_t>(i.out, t.get<uint64_t>(i.in[first ? 0 : 1]));
}

Execute decode_logic(Opcode& op, std::string_view type, const Instruction& made) {
  // clang-format off
  if (type == "pred") {
    if (op.is("and")) return apply<bool, decltype([](bool a, bool b) { return a && b; })>;
    if (op.is("or")) return apply<bool, decltype([](bool a, bool b) { return a || b; })>;
    if (op.is("xor")) return apply<bool, decltype([](bool a, bool b) { return a != b; })>;
    if (op.is("not")) return apply<bool, decltype([](bool a) { return !a; })>;
    return nullptr;
  }
  if (op.is("and")) return compute(type, made, []<Integer T>(T a, T b) { return static_cast<T>(a & b); });
  if (op.is("or")) return compute(type, made, []<Integer T>(T a, T b) { return static_cast<T>(a | b); });
  if (op.is("xor")) return compute(type, made, []<Integer T>(T a, T b) { return static_cast<T>(a ^ b); });
  if (op.is("not")) return compute(type, made, []<Integer T>(T a) { return static_cast<T>(~a); });
  // clang-format on
  return nullptr;
}

// Opcodes whose later inputs are words, whatever the type.
Execute decode_fields(Opcode& op, std::string_view type) {
  return with_type(type, [&]<class T>() -> Execute {
    if constexpr (Integer<T> && sizeof(T) >= 4) {
      if (op.is("bfe")) {
        return [](Thread& t, const Instruction& i) {
          t.put<T>(i.out,
                   extract(t.get<T>(i.in[0]), t.get<uint32_t>(i.in[1]), t.get<uint32_t>(i.in[2])));
        };
      }
      if (op.is("bfi")) {
        return [](Thread& t, const Instruction& i) {
          t.put<T>(i.out, insert(t.get<T>(i.in[0]), t.get<T>(i.in[1]), t.get<uint32_t>(i.in[2]),
                                 t.get<uint32_t>(i.in[3])));
        };
      }
    }
    return nullptr;
  });
}

}  // namespace

Execute decode_bits(Opcode& op, Instruction& made) {
  if (op.is("mov")) return decode_move(op, made);
  if (op.is("selp") || op.is("slct")) {
    const std::string_view by = op.take_type();
    if (op.is("selp")) return select<bool>;
    made.flush = op.take("ftz");
    (void)op.take_type();
    return by == "s32" ? select<int32_t> : by == "f32" ? select<float> : nullptr;
  }
  static constexpr std::string_view kMine[] = {"and", "or",   "xor",  "not",  "shl",
                                               "shr", "lop3", "prmt", "bfe",  "bfind",
                                               "bfi", "clz",  "popc", "brev", "shf"};
  if (std::find(std::begin(kMine), std::end(kMine), op.name()) == std::end(kMine)) return nullptr;
  const std::string_view type = op.take_type();
  // clang-format off
  if (op.is("shl")) return compute(type, made, [](Integer auto a, decltype(a) b) { return shift_left(a, b); });
  if (op.is("shr")) return compute(type, made, [](Integer auto a, decltype(a) b) { return shift_right(a, b); });
  if (op.is("lop3")) return compute(type, made, [](Word auto a, decltype(a) b, decltype(a) c, decltype(a) d) { return look_up(a, b, c, d); });
  if (op.is("prmt")) return compute(type, made, [](Word auto a, decltype(a) b, decltype(a) c) { return permute(a, b, c); });
  if (op.is("clz")) return compute(type, made, []<Integer T>(T a) { return static_cast<uint32_t>(std::countl_zero(static_cast<std::make_unsigned_t<T>>(a))); });
  if (op.is("popc")) return compute(type, made, []<Integer T>(T a) { return static_cast<uint32_t>(std::popcount(static_cast<std::make_unsigned_t<T>>(a))); });
  if (op.is("bfind") && op.take("shiftamt")) return compute(type, made, []<Integer T>(T a) { return find_highest(a) == ~0u ? ~0u : kBits<T> - 1 - find_highest(a); });
  if (op.is("bfind")) return compute(type, made, [](Integer auto a) { return find_highest(a); });
  if (op.is("brev")) return compute(type, made, []<std::unsigned_integral T>(T a) { return reverse(a); });
  // clang-format on
  if (op.is("bfe") || op.is("bfi")) return decode_fields(op, type);
  if (op.is("shf")) {
    const bool left = op.take_one_of({"r", "l"}) == 1;
    const bool wrap = op.take_one_of({"clamp", "wrap"}) == 1;
    const auto make = [&]<bool kLeft, bool kWrap>() {
      return compute(type, made, [](Word auto a, decltype(a) b, decltype(a) c) {
        return funnel<kLeft, kWrap>(a, b, c);
      });
    };
    if (left) return wrap ? make.operator()<true, true>() : make.operator()<true, false>();
    return wrap ? make.operator()<false, true>() : make.operator()<false, false>();
  }
  return decode_logic(op, type, made);
}

}  // namespace fake_gpu::ptx
