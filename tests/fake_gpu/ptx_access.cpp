// Loads, stores, atomics, and conversions between address spaces.
#include <cstring>

#include "tests/fake_gpu/ptx_decode.h"

namespace fake_gpu::ptx {
namespace {

uint32_t target(const Instruction& i, uint32_t k) {
  return k == 0 ? i.out : k == 1 ? i.out2 : i.in[k].reg;
}

template <class T>
Value<T> read(const std::byte* bytes) {
  Bits<T> bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return from_bits<T>(bits);
}
template <class T>
void write(std::byte* bytes, Value<T> value) {
  const auto bits = static_cast<Bits<T>>(to_bits<T>(value));
  std::memcpy(bytes, &bits, sizeof(bits));
}

// ld.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1]: the address is in[0].
template <class T, Space space>
void load(Thread& t, const Instruction& i) {
  const std::byte* from = t.access<space>(t.get<uint64_t>(i.in[0]), i.count * sizeof(T), i.use);
  t.put<T>(i.out, read<T>(from));
  for (uint32_t k = 1; k < i.count; ++k) t.put<T>(target(i, k), read<T>(from + k * sizeof(T)));
}

// st.v4.f32 [%rd1], {%f1, %f2, %f3, %f4}: the values are in[1] to in[4].
template <class T, Space space>
void store(Thread& t, const Instruction& i) {
  std::byte* to = t.access<space>(t.get<uint64_t>(i.in[0]), i.count * sizeof(T), i.use);
  for (uint32_t k = 0; k < i.count; ++k) write<T>(to + k * sizeof(T), t.get<T>(i.in[k + 1]));
}

Space take_space(Opcode& op) {
  if (op.take("global") || op.take("const")) return Space::kGlobal;
  if (op.take("shared") || op.take("shared::cta")) return Space::kShared;
  if (op.take("local") || op.take("param") || op.take("param::entry") || op.take("param::func"))
    return Space::kLocal;
  return Space::kGeneric;
}

// How strongly ordered, in which scope, cached how. True for accesses that may meet others.
bool take_strength(Opcode& op) {
  op.take("weak");
  const bool is_strong =
      op.take_one_of({"volatile", "relaxed", "acquire", "release", "acq_rel"}) >= 0;
  op.take_one_of({"cta", "cluster", "gpu", "sys"});
  op.take("nc");
  op.take_one_of({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  op.take_hints();
  return is_strong;
}

// f<T, space> for the type and space of an access.
template <class F>
Execute with_space(std::string_view type, Space space, F f) {
  return with_type(type, [&]<class T>() -> Execute {
    switch (space) {
      case Space::kGlobal:
        return f.template operator()<T, Space::kGlobal>();
      case Space::kShared:
        return f.template operator()<T, Space::kShared>();
      case Space::kLocal:
        return f.template operator()<T, Space::kLocal>();
      case Space::kGeneric:
        return f.template operator()<T, Space::kGeneric>();
    }
    return nullptr;
  });
}

Execute decode_access(Opcode& op, Instruction& made, std::string_view type) {
  const bool stores = op.is("st");
  const bool is_strong = take_strength(op);
  const Space space = take_space(op);
  op.take("v2") || op.take("v4");
  if (stores) {
    made.use = is_strong ? Use::kStrongWrite : Use::kWrite;
    return with_space(type, space, []<class T, Space s>() -> Execute { return store<T, s>; });
  }
  made.use = is_strong ? Use::kStrongRead : Use::kRead;
  return with_space(type, space, []<class T, Space s>() -> Execute { return load<T, s>; });
}

// atom and red: f(old, b, c) replaces old.
template <class T, class F>
void atomic(Thread& t, const Instruction& i) {
  const uint64_t address = t.get<uint64_t>(i.in[0]);
  const auto space = static_cast<Space>(i.detail);
  std::byte* at = space == Space::kShared
                      ? t.access<Space::kShared>(address, sizeof(T), Use::kStrongWrite)
                      : t.access<Space::kGeneric>(address, sizeof(T), Use::kStrongWrite);
  const Value<T> old = read<T>(at);
  write<T>(at, F{}(old, t.get<T>(i.in[1]), t.get<T>(i.in[2])));
  t.put<T>(i.out, old);
}

template <class F>
Execute update(std::string_view type, F) {
  return with_type(type, []<class T>() -> Execute {
    using V = Value<T>;
    if constexpr (std::is_invocable_r_v<V, F, V, V, V>) return atomic<T, F>;
    return nullptr;
  });
}

Execute decode_atomic(Opcode& op, Instruction& made, std::string_view type) {
  take_strength(op);
  op.take("noftz");
  made.detail = static_cast<uint8_t>(take_space(op));
  // clang-format off
  if (op.take("add")) return update(type, []<class T>(T a, T b, T) { return static_cast<T>(a + b); });
  if (op.take("exch")) return update(type, [](auto, auto b, auto) { return b; });
  if (op.take("cas")) return update(type, []<Integer T>(T a, T b, T c) { return a == b ? c : a; });
  if (op.take("min")) return update(type, []<Integer T>(T a, T b, T) { return std::min(a, b); });
  if (op.take("max")) return update(type, []<Integer T>(T a, T b, T) { return std::max(a, b); });
  if (op.take("and")) return update(type, []<Integer T>(T a, T b, T) { return static_cast<T>(a & b); });
  if (op.take("or")) return update(type, []<Integer T>(T a, T b, T) { return static_cast<T>(a | b); });
  if (op.take("xor")) return update(type, []<Integer T>(T a, T b, T) { return static_cast<T>(a ^ b); });
  if (op.take("inc")) return update(type, []<Integer T>(T a, T b, T) { return static_cast<T>(a >= b ? 0 : a + 1); });
  if (op.take("dec")) return update(type, []<Integer T>(T a, T b, T) { return static_cast<T>(a == 0 || a > b ? b : a - 1); });
  // clang-format on
  return nullptr;
}

// cvta.shared adds the window, cvta.to.shared takes it off; to other memory the same.
Execute decode_cvta(Opcode& op, Instruction& made) {
  const bool to = op.take("to");
  const Space space = take_space(op);
  (void)op.take_type();
  const uint64_t window = space == Space::kShared  ? kSharedWindow
                          : space == Space::kLocal ? kLocalWindow
                                                   : 0;
  made.in[0].number += to ? 0 - window : window;
  return [](Thread& t, const Instruction& i) { t.put<uint64_t>(i.out, t.get<uint64_t>(i.in[0])); };
}

}  // namespace

Execute decode_memory(Opcode& op, Instruction& made) {
  if (op.is("ld") || op.is("ldu") || op.is("st")) {
    const std::string_view type = op.take_type();
    return decode_access(op, made, type);
  }
  if (op.is("atom") || op.is("red")) {
    const std::string_view type = op.take_type();
    return decode_atomic(op, made, type);
  }
  if (op.is("cvta")) return decode_cvta(op, made);
  if (op.is("membar") || op.is("fence") || op.is("prefetch") || op.is("prefetchu")) {
    // One thread runs at a time, so memory is always in order; it orders no accesses here.
    while (!op.all_taken()) (void)op.take_type();
    return [](Thread&, const Instruction&) {};
  }
  return nullptr;
}

}  // namespace fake_gpu::ptx
