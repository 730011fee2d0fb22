// Shared by the decoders: an opcode taken apart, and the templates that make functions of lambdas.
#pragma once

#include <algorithm>
#include <cfenv>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fake_gpu/ptx_machine.h"

namespace fake_gpu::ptx {

// "add.rn.f32": the name, and the parts that nobody has understood yet. An instruction is known
// only if all its parts were taken.
class Opcode {
 public:
  explicit Opcode(std::string_view text);
  bool is(std::string_view name) const { return name_ == name; }
  bool has(std::string_view part) const {
    return std::find(parts_.begin(), parts_.end(), part) != parts_.end();
  }
  bool take(std::string_view part);
  // Takes the first of the parts that is there and gives its index, or -1.
  int take_one_of(std::initializer_list<std::string_view> parts);
  std::string_view take_type();  // the last part
  void take_hints();             // L2::128B and the like: they change no result
  bool all_taken() const { return parts_.empty(); }
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
  std::vector<std::string_view> parts_;
};

// Each sets what is particular in the instruction and returns its function, or null.
Execute decode_arithmetic(Opcode& op, Instruction& made);  // ptx_arithmetic.cpp
Execute decode_conversion(Opcode& op, Instruction& made);  // ptx_convert.cpp
Execute decode_bits(Opcode& op, Instruction& made);        // ptx_bits.cpp
Execute decode_memory(Opcode& op, Instruction& made);      // ptx_access.cpp
Execute decode_together(Opcode& op, Instruction& made);    // ptx_together.cpp

// The floating-point rounding of the host, as long as it lives.
class RoundingScope {
 public:
  explicit RoundingScope(Rounding rounding) : changed_(rounding != Rounding::kNearest) {
    constexpr int kModes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
    if (changed_) std::fesetround(kModes[static_cast<int>(rounding)]);
  }
  ~RoundingScope() {
    if (changed_) std::fesetround(FE_TONEAREST);
  }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
  bool changed_;
};

template <Real V>
V flush_denormal(V value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(V{0}, value) : value;
}

// The result of f on the instruction's one to four inputs of type T, or as many as f takes.
template <class T, class F, class... More>
auto call_with(const Thread& t, const Instruction& i, F f, const More&... more) {
  constexpr size_t kCount = sizeof...(More);
  if constexpr (std::is_invocable_v<F, const More&...> && kCount > 0) {
    return f(more...);
  } else {
    Value<T> value = t.get<T>(i.in[kCount]);
    if constexpr (Real<Value<T>>)
      if (i.flush) value = flush_denormal(value);
    return call_with<T>(t, i, f, more..., value);
  }
}

template <class T, class F>
constexpr bool takes_some() {
  using V = Value<T>;
  return std::is_invocable_v<F, V> || std::is_invocable_v<F, V, V> ||
         std::is_invocable_v<F, V, V, V> || std::is_invocable_v<F, V, V, V, V>;
}

// .ftz and .sat; NaN becomes 0 in the latter.
template <Real V>
V modify(const Instruction& i, V value) {
  if (i.flush) value = flush_denormal(value);
  if (i.saturate) value = value >= 0 ? std::min(value, V{1}) : V{0};
  return value;
}

template <class T, class F>
void apply(Thread& t, const Instruction& i) {
  const RoundingScope scope(i.rounding);
  auto result = call_with<T>(t, i, F{});
  using R = decltype(result);
  if constexpr (Real<R>) result = modify(i, result);
  t.put<std::conditional_t<std::is_same_v<R, Value<T>>, T, R>>(i.out, result);
}

// The two halves of a word, each on its own.
template <Narrow T, class F>
void apply_pair(Thread& t, const Instruction& i) {
  using V = Value<T>;
  uint32_t word = 0;
  for (const int shift : {0, 16}) {
    const auto half = [&](int k) {
      return static_cast<V>(from_bits<T>(t.get<uint32_t>(i.in[k]) >> shift));
    };
    V result{};
    if constexpr (std::is_invocable_r_v<V, F, V>)
      result = F{}(half(0));
    else if constexpr (std::is_invocable_r_v<V, F, V, V>)
      result = F{}(half(0), half(1));
    else
      result = F{}(half(0), half(1), half(2));
    word |= static_cast<uint32_t>(to_bits<T>(result)) << shift;
  }
  t.put<uint32_t>(i.out, word);
}

// An instruction that computes f: a lambda without captures on one to four values. The type is
// the opcode's; f's constraints say which types it takes.
template <class F>
Execute compute(std::string_view type, const Instruction& made, F) {
  const bool modified = made.rounding != Rounding::kNearest || made.flush || made.saturate;
  if constexpr (takes_some<Half, F>()) {
    if (type == "f16x2" && !modified) return apply_pair<Half, F>;
    if (type == "bf16x2" && !modified) return apply_pair<Bfloat, F>;
  }
  return with_type(type, [&]<class T>() -> Execute {
    if constexpr (takes_some<T, F>())
      if (!modified || Real<T>) return apply<T, F>;
    return nullptr;
  });
}

}  // namespace fake_gpu::ptx
