// What the lanes of a warp or the threads of a block do together.
#include <fmt/format.h>

#include "tests/fake_gpu/ptx_decode.h"

namespace fake_gpu::ptx {
namespace {

template <class F>
void for_lanes(uint32_t mask, F f) {
  for (; mask != 0; mask &= mask - 1) f(static_cast<uint32_t>(std::countr_zero(mask)));
}

void wait_for_warp(Thread& t, const Instruction&) { t.state = State::kAtWarp; }
void wait_at_barrier(Thread& t, const Instruction&) { t.state = State::kAtBarrier; }

enum Shuffle : uint8_t { kUp, kDown, kButterfly, kIndex };

// The lane that `lane` reads, and whether it lies within the bounds that `c` sets.
std::pair<uint32_t, bool> source_lane(uint8_t how, uint32_t lane, uint32_t b, uint32_t c) {
  const uint32_t segment = c >> 8 & 31, clamp = c & 31;
  const uint32_t first = lane & segment;
  const uint32_t last = first | (clamp & ~segment);
  b &= 31;
  if (how == kUp) return {lane - b, static_cast<int32_t>(lane - b) >= static_cast<int32_t>(last)};
  const uint32_t source = how == kDown        ? lane + b
                          : how == kButterfly ? lane ^ b
                                              : first | (b & ~segment);
  return {source, source <= last};
}

// shfl.sync.bfly.b32 d|p, a, b, c, mask
void shuffle(Warp& warp, uint32_t mask, const Instruction& i) {
  std::array<uint64_t, 32> values{};
  for_lanes(mask, [&](uint32_t k) { values[k] = warp.lane(k).get<uint32_t>(i.in[0]); });
  for_lanes(mask, [&](uint32_t k) {
    Thread& t = warp.lane(k);
    auto [from, inside] =
        source_lane(i.detail, k, t.get<uint32_t>(i.in[1]), t.get<uint32_t>(i.in[2]));
    if (!inside) from = k;
    if (!(mask >> from & 1))
      t.fault(fmt::format("a shuffle reads lane {}, which takes no part (mask {:#x})", from, mask));
    t.put<uint64_t>(i.out, values[from]);
    t.put<bool>(i.out2, inside);
  });
}

enum Vote : uint8_t { kAll, kAny, kUniform, kBallot };

void vote(Warp& warp, uint32_t mask, const Instruction& i) {
  uint32_t ballot = 0;
  for_lanes(mask, [&](uint32_t k) {
    ballot |= static_cast<uint32_t>(warp.lane(k).get<bool>(i.in[0])) << k;
  });
  const bool all = ballot == mask, any = ballot != 0;
  const uint32_t result = i.detail == kBallot    ? ballot
                          : i.detail == kAll     ? all
                          : i.detail == kUniform ? all || !any
                                                 : any;
  for_lanes(mask, [&](uint32_t k) { warp.lane(k).put<uint32_t>(i.out, result); });
}

// match.any: which lanes have my value. match.all d|p: all of them, or none.
template <class T, bool kOfAll>
void match(Warp& warp, uint32_t mask, const Instruction& i) {
  const auto value = [&](uint32_t k) { return warp.lane(k).get<T>(i.in[0]); };
  std::array<uint32_t, 32> same{};
  for_lanes(mask, [&](uint32_t k) {
    for_lanes(mask,
              [&](uint32_t other) { same[k] |= uint32_t{value(k) == value(other)} << other; });
  });
  for_lanes(mask, [&](uint32_t k) {
    const bool all = same[k] == mask;
    warp.lane(k).put<uint32_t>(i.out, kOfAll && !all ? 0 : same[k]);
    if (kOfAll) warp.lane(k).put<bool>(i.out2, all);
  });
}

template <class T, class F>
void reduce(Warp& warp, uint32_t mask, const Instruction& i) {
  T result = warp.lane(static_cast<uint32_t>(std::countr_zero(mask))).get<T>(i.in[0]);
  for_lanes(mask & (mask - 1),
            [&](uint32_t k) { result = F{}(result, warp.lane(k).get<T>(i.in[0])); });
  for_lanes(mask, [&](uint32_t k) { warp.lane(k).put<T>(i.out, result); });
}

template <class F>
Collective reduction(std::string_view type, F) {
  if (type == "s32") return reduce<int32_t, F>;
  return type == "u32" || type == "b32" ? reduce<uint32_t, F> : nullptr;
}

// __syncwarp(): what the lanes did before comes before what they do next.
void sync_warp(Warp& warp, uint32_t mask, const Instruction&) {
  ++warp.block.warp_syncs;
  for_lanes(mask, [&](uint32_t k) { warp.lane(k).warp_syncs = warp.block.warp_syncs; });
}

Collective decode_redux(Opcode& op, std::string_view type) {
  // clang-format off
  if (op.take("add")) return reduction(type, [](auto a, auto b) { return static_cast<decltype(a)>(uint32_t(a) + uint32_t(b)); });
  if (op.take("min")) return reduction(type, [](auto a, auto b) { return std::min(a, b); });
  if (op.take("max")) return reduction(type, [](auto a, auto b) { return std::max(a, b); });
  if (op.take("and")) return reduction(type, [](auto a, auto b) { return a & b; });
  if (op.take("or")) return reduction(type, [](auto a, auto b) { return a | b; });
  if (op.take("xor")) return reduction(type, [](auto a, auto b) { return a ^ b; });
  // clang-format on
  return nullptr;
}

Collective decode_collective(Opcode& op, Instruction& made, std::string_view type) {
  if (op.is("shfl")) {
    const int how = op.take_one_of({"up", "down", "bfly", "idx"});
    made.detail = static_cast<uint8_t>(how);
    return how >= 0 && type == "b32" ? shuffle : nullptr;
  }
  if (op.is("vote")) {
    const int how = op.take_one_of({"all", "any", "uni", "ballot"});
    made.detail = static_cast<uint8_t>(how);
    return how >= 0 ? vote : nullptr;
  }
  if (op.is("match")) {
    if (op.take("any")) return type == "b64" ? match<uint64_t, false> : match<uint32_t, false>;
    if (op.take("all")) return type == "b64" ? match<uint64_t, true> : match<uint32_t, true>;
    return nullptr;
  }
  return decode_redux(op, type);
}

// bar.sync id{, count}; bar.red.popc.u32 d, id{, count}, p.
Execute decode_barrier(Opcode& op, Instruction& made) {
  const bool old_name = op.is("bar");
  op.take("cta");
  made.aligned = op.take("aligned") || old_name;
  const size_t arguments = made.source->arguments.size();
  if (op.take("sync")) {
    if (arguments < 2) made.in[1] = {};
  } else if (op.take("red")) {
    (void)op.take_type();
    made.detail = static_cast<uint8_t>(op.take_one_of({"popc", "and", "or"}) + 1);
    if (arguments == 3) {  // no count
      made.in[2] = made.in[1];
      made.in[1] = {};
    }
  } else {
    return nullptr;
  }
  return wait_at_barrier;
}

}  // namespace

Execute decode_together(Opcode& op, Instruction& made) {
  // The mask comes last, after the target and one to three inputs.
  const size_t arguments = made.source->arguments.size();
  made.in[4] = made.in[arguments < 2 ? 0 : std::min<size_t>(arguments - 2, 3)];
  if (op.is("bar") && op.take("warp")) {
    made.collective = sync_warp;
    return op.take("sync") ? wait_for_warp : nullptr;
  }
  if (op.is("bar") || op.is("barrier")) return decode_barrier(op, made);
  if (op.is("activemask")) {
    // Only the thread itself is sure to be there.
    (void)op.take_type();
    return [](Thread& t, const Instruction& i) { t.put<uint32_t>(i.out, 1u << t.lane()); };
  }
  if (op.is("shfl") || op.is("vote") || op.is("match") || op.is("redux")) {
    const std::string_view type = op.take_type();
    made.collective = decode_collective(op, made, type);
    return op.take("sync") && made.collective ? wait_for_warp : nullptr;
  }
  return nullptr;
}

}  // namespace fake_gpu::ptx
