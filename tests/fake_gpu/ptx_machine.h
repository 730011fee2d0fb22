// The machine that instructions run on: threads, their registers and memory, warps, one block.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fake_gpu/ptx_code.h"
#include "tests/fake_gpu/ptx_race.h"
#include "tests/fake_gpu/ptx_types.h"

namespace fake_gpu::ptx {

struct Block;

enum class Space { kGlobal, kShared, kLocal, kGeneric };

// Windows of the generic address space; below them is global memory.
constexpr uint64_t kSharedWindow = uint64_t{1} << 60;
constexpr uint64_t kLocalWindow = uint64_t{2} << 60;
constexpr uint64_t kWindowMask = uint64_t{15} << 60;

enum class State : uint8_t { kReady, kAtWarp, kAtBarrier, kDone };

struct Thread {
  Block* block = nullptr;
  uint64_t* registers = nullptr;  // of the function that runs
  std::byte* frame = nullptr;     // its parameters and .local variables
  const Instruction* next = nullptr;
  State state = State::kReady;
  uint32_t index = 0;
  uint32_t barriers = 0, warp_syncs = 0;
  uint64_t branches = 0;

  struct Frame {
    const Function* function;
    size_t registers, memory;  // where they begin in the stacks
    const Instruction* back;
  };
  std::vector<Frame> frames;
  std::vector<uint64_t> register_stack;
  std::vector<std::byte> memory_stack;

  template <class T>
  Value<T> get(const Operand& operand) const {
    return from_bits<T>(registers[operand.reg] + operand.number);
  }
  template <class T>
  void put(uint32_t target, Value<T> value) {
    registers[target] = to_bits<T>(value);
  }

  uint32_t lane() const { return index % 32; }
  // The instruction that executes, or waits.
  const Instruction& at() const { return next[-1]; }
  void push(const Function& function);
  void pop();

  // The bytes behind an address, once bounds, alignment and order are checked.
  template <Space space>
  std::byte* access(uint64_t address, size_t bytes, Use use);

  [[noreturn]] void fault(const std::string& what) const;

 private:
  std::byte* global(uint64_t address, size_t bytes, Use use);
  std::byte* shared(uint64_t offset, size_t bytes, Use use);
  std::byte* local(uint64_t offset, size_t bytes, Use use);
  Mark mark(Use use) const;
  [[noreturn]] void race(const char* memory, uint64_t address, size_t bytes, Use use,
                         const Mark& other) const;
};

struct Warp {
  Block& block;
  uint32_t first;  // index of its lane 0
  Thread& lane(uint32_t i) const;
};

// The block that runs, and what it shares with the others of the launch.
struct Block {
  const Function& function;
  const Launch& launch;
  Memory& memory;
  Shadow shadow;  // of global memory
  uint32_t number = 0;
  Extent position{0, 0, 0};
  uint32_t barriers = 0, warp_syncs = 0;
  std::vector<Thread> threads;
  std::vector<Function::Range> shared;  // what of shared memory belongs to variables
  std::vector<std::byte> shared_bytes;
  Page shared_shadow;

  Block(const Function& f, const Launch& l, Memory& m) : function(f), launch(l), memory(m) {}
  void run(uint32_t block);

 private:
  void start();
  void run_ready(size_t first, size_t end);
  bool release_warp(uint32_t first);
  bool release_barriers();
  void check_mask(const Thread& thread, uint32_t mask) const;
  [[noreturn]] void stuck() const;
};

inline Thread& Warp::lane(uint32_t i) const { return block.threads[first + i]; }

// "thread (5,0,0)" of the block.
std::string describe_thread(const Launch& launch, uint32_t index);
Extent unravel(uint64_t index, const Extent& extent);

inline std::byte* Thread::global(uint64_t address, size_t bytes, Use use) {
  std::byte* found = block->memory.access(address, bytes, writes(use));
  if (const Mark* other = block->shadow.check(address, bytes, mark(use), writes(use))) [[unlikely]]
    race("", address, bytes, use, *other);
  return found;
}

inline Mark Thread::mark(Use use) const {
  return {.block = block->number,
          .thread = index,
          .who = Mark::kThread,
          .strong = strong(use),
          .location = at().source->location,
          .barriers = barriers,
          .warp_syncs = warp_syncs};
}

template <Space space>
inline std::byte* Thread::access(uint64_t address, size_t bytes, Use use) {
  if ((address & (bytes - 1)) != 0) [[unlikely]]
    fault("misaligned address of " + std::to_string(bytes) + " bytes: ..." +
          std::to_string(address % 4096) + " modulo 4096");
  if constexpr (space == Space::kGlobal) return global(address, bytes, use);
  if constexpr (space == Space::kShared) return shared(static_cast<uint32_t>(address), bytes, use);
  if constexpr (space == Space::kLocal) return local(static_cast<uint32_t>(address), bytes, use);
  const uint64_t window = address & kWindowMask;
  if (window == kSharedWindow) return shared(address - window, bytes, use);
  if (window == kLocalWindow) return local(address - window, bytes, use);
  return global(address, bytes, use);
}

}  // namespace fake_gpu::ptx
