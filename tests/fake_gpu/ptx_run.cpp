// Modules, launches, and the schedule of a block: each thread runs until it waits or ends, a warp's
// lanes go on when all that a mask names are there, a block's threads when all are at the barrier.
#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/fake_gpu/ptx_machine.h"

namespace fake_gpu::ptx {
namespace {

constexpr uint64_t kMostThreads = 1024;
constexpr uint64_t kMostGridX = 0x7fffffff, kMostGridYz = 65535;
constexpr size_t kMostLocal = 512 * 1024;  // bytes a thread
constexpr size_t kMostWarp = 32;

// "softmax_kernel<float>" of a mangled name.
std::string readable(const std::string& name) {
  int status = 0;
  char* found = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string text = found ? found : name;
  std::free(found);
  if (text.ends_with(')')) {
    size_t open = text.size() - 1;
    for (int depth = 1; depth > 0 && open > 0;) {
      --open;
      depth += text[open] == ')' ? 1 : text[open] == '(' ? -1 : 0;
    }
    text.resize(open);
  }
  return text.starts_with("void ") ? text.substr(5) : text;
}

std::string describe(const Extent& at) { return fmt::format("({},{},{})", at.x, at.y, at.z); }

uint64_t special(std::string_view name, const Block& b, const Extent& at, uint32_t index) {
  const auto part = [&](const Extent& e) {
    return name.back() == 'x' ? e.x : name.back() == 'y' ? e.y : e.z;
  };
  const uint32_t lane = index % 32, bit = 1u << lane;
  if (name.starts_with("%tid")) return part(at);
  if (name.starts_with("%ntid")) return part(b.launch.block);
  if (name.starts_with("%ctaid")) return part(b.position);
  if (name.starts_with("%nctaid")) return part(b.launch.grid);
  if (name == "%laneid") return lane;
  if (name == "%warpid") return index / 32;
  if (name == "%nwarpid") return (b.threads.size() + 31) / 32;
  if (name == "%lanemask_eq") return bit;
  if (name == "%lanemask_lt") return bit - 1;
  if (name == "%lanemask_le") return bit | (bit - 1);
  if (name == "%lanemask_ge") return ~(bit - 1);
  if (name == "%lanemask_gt") return ~(bit | (bit - 1));
  return 0;
}

const char* verb(Use use) {
  switch (use) {
    case Use::kRead:
    case Use::kStrongRead:
      return "reads";
    case Use::kWrite:
      return "writes";
    case Use::kStrongWrite:
      return "updates";
  }
  return "";
}

}  // namespace

Extent unravel(uint64_t index, const Extent& e) {
  return {static_cast<uint32_t>(index % e.x), static_cast<uint32_t>(index / e.x % e.y),
          static_cast<uint32_t>(index / e.x / e.y)};
}

// ---- threads ---------------------------------------------------------------------------------

void Thread::push(const Function& function) {
  const size_t registers_from =
      frames.empty() ? 0 : frames.back().registers + frames.back().function->slots;
  const size_t memory_from = (memory_stack.size() + 15) / 16 * 16;
  if (memory_from + function.frame_bytes > kMostLocal)
    fault("local memory and call stack are larger than 512 KB");
  frames.push_back({&function, registers_from, memory_from, next});
  if (register_stack.size() < registers_from + function.slots)
    register_stack.resize(registers_from + function.slots);
  memory_stack.resize(memory_from);
  memory_stack.resize(memory_from + function.frame_bytes, std::byte{0xff});
  registers = &register_stack[registers_from];
  frame = memory_stack.data() + memory_from;
  registers[kZero] = 0;
  registers[kFrame] = memory_from;
  const Extent at = unravel(index, block->launch.block);
  for (const Function::Special& s : function.specials)
    registers[s.slot] = special(s.name, *block, at, index);
  next = function.code.data();
}

void Thread::pop() {
  next = frames.back().back;
  memory_stack.resize(frames.back().memory);
  frames.pop_back();
  registers = &register_stack[frames.back().registers];
  frame = memory_stack.data() + frames.back().memory;
}

std::byte* Thread::shared(uint64_t offset, size_t bytes, Use use) {
  const auto inside = [&](const Function::Range& range) {
    return offset - range.begin < range.bytes && bytes <= range.bytes - (offset - range.begin);
  };
  if (std::none_of(block->shared.begin(), block->shared.end(), inside)) [[unlikely]]
    fault(
        fmt::format("{} {} bytes at byte {} of shared memory, outside its variables ({} bytes "
                    "static, {} dynamic)",
                    verb(use), bytes, static_cast<int32_t>(offset), block->function.static_shared,
                    block->launch.dynamic_shared));
  if (const Mark* other = block->shared_shadow.check(offset, bytes, mark(use), writes(use)))
      [[unlikely]]
    race("shared memory, byte ", offset, bytes, use, *other);
  return block->shared_bytes.data() + offset;
}

std::byte* Thread::local(uint64_t offset, size_t bytes, Use use) {
  if (offset > memory_stack.size() || bytes > memory_stack.size() - offset) [[unlikely]]
    fault(fmt::format("{} {} bytes at byte {} of local memory, outside its variables", verb(use),
                      bytes, static_cast<int64_t>(offset)));
  return memory_stack.data() + offset;
}

void Thread::fault(const std::string& what) const {
  throw Fault(fmt::format("{} at {}, block {}, thread {}: {}", readable(block->function.name),
                          block->function.module->describe(at().source->location),
                          describe(block->position), describe(unravel(index, block->launch.block)),
                          what));
}

void Thread::race(const char* memory, uint64_t address, size_t bytes, Use use,
                  const Mark& other) const {
  const Launch& launch = block->launch;
  const std::string who =
      other.who == Mark::kThread
          ? fmt::format("thread {} of block {}", describe(unravel(other.thread, launch.block)),
                        describe(unravel(other.block, launch.grid)))
      : other.who == Mark::kGrid ? std::string("threads of several blocks")
                                 : std::string("other threads");
  fault(fmt::format("race: {} {} bytes at {}{:#x}, which {} used at {}; nothing orders the two",
                    verb(use), bytes, memory, address, who,
                    block->function.module->describe(other.location)));
}

// ---- blocks ----------------------------------------------------------------------------------

void Block::start() {
  barriers = warp_syncs = 0;
  const size_t bytes = function.shared_end + launch.dynamic_shared;
  shared = function.shared;
  if (function.dynamic_shared) shared.push_back({function.shared_end, launch.dynamic_shared});
  shared_bytes.assign(bytes, std::byte{0xff});
  shared_shadow.clear(bytes);
  threads.resize(launch.block.count());
  for (uint32_t i = 0; i < threads.size(); ++i) {
    Thread& t = threads[i];
    t.block = this;
    t.index = i;
    t.state = State::kReady;
    t.barriers = t.warp_syncs = 0;
    t.branches = 0;
    t.frames.clear();
    t.memory_stack.clear();
    t.push(function);
    std::copy(launch.parameters.begin(), launch.parameters.end(), t.frame);
  }
}

void Block::run(uint32_t block) {
  number = block;
  position = unravel(block, launch.grid);
  start();
  const size_t warps = (threads.size() + 31) / 32;
  for (bool all_done = false; !all_done;) {
    for (size_t w = 0; w < warps; ++w) {
      const auto first = static_cast<uint32_t>(32 * (launch.reversed ? warps - 1 - w : w));
      do run_ready(first, std::min<size_t>(first + 32, threads.size()));
      while (release_warp(first));
    }
    all_done = true;
    for (const Thread& t : threads) all_done = all_done && t.state == State::kDone;
    if (!all_done && !release_barriers()) stuck();
  }
}

void Block::run_ready(size_t first, size_t end) {
  for (size_t k = first; k < end; ++k) {
    Thread& t = threads[launch.reversed ? first + end - 1 - k : k];
    try {
      while (t.state == State::kReady) {
        const Instruction& i = *t.next++;
        if ((t.registers[i.predicate] & 1) != i.skip_if) i.execute(t, i);
      }
    } catch (const Fault& fault) {
      throw;
    } catch (const std::exception& error) {
      t.fault(error.what());
    }
  }
}

void Block::check_mask(const Thread& t, uint32_t mask) const {
  if (!(mask >> t.lane() & 1))
    t.fault(
        fmt::format("the mask {:#x} of a warp operation lacks its own lane {}", mask, t.lane()));
  const uint32_t first = t.index - t.lane();
  for (uint32_t lane = 0; lane < kMostWarp; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (first + lane >= threads.size())
      t.fault(
          fmt::format("the mask {:#x} of a warp operation names lane {}, which the block does "
                      "not have",
                      mask, lane));
    if (threads[first + lane].state == State::kDone)
      t.fault(fmt::format("the mask {:#x} of a warp operation names lane {}, which has ended", mask,
                          lane));
  }
}

// Does the first warp operation for which all lanes are there.
bool Block::release_warp(uint32_t first) {
  Warp warp{*this, first};
  const size_t end = std::min<size_t>(first + 32, threads.size());
  bool released = false;
  for (size_t k = first; k < end; ++k) {
    Thread& t = threads[k];
    if (t.state != State::kAtWarp) continue;
    const Instruction& i = t.at();
    const uint32_t mask = t.get<uint32_t>(i.in[4]);
    check_mask(t, mask);
    bool complete = true;
    for (uint32_t lane = 0; lane < kMostWarp; ++lane) {
      if (!(mask >> lane & 1)) continue;
      const Thread& other = warp.lane(lane);
      complete = complete && other.state == State::kAtWarp &&
                 other.at().collective == i.collective &&
                 (&other.at() == &i || i.source->opcode == "bar.warp.sync") &&
                 other.get<uint32_t>(other.at().in[4]) == mask;
    }
    if (!complete) continue;
    i.collective(warp, mask, i);
    for (uint32_t lane = 0; lane < kMostWarp; ++lane)
      if (mask >> lane & 1) warp.lane(lane).state = State::kReady;
    released = true;
  }
  return released;
}

bool Block::release_barriers() {
  std::map<uint32_t, std::vector<Thread*>> waiting;
  for (Thread& t : threads)
    if (t.state == State::kAtBarrier) waiting[t.get<uint32_t>(t.at().in[0])].push_back(&t);
  bool released = false;
  for (auto& [id, there] : waiting) {
    const Instruction& i = there[0]->at();
    const uint32_t count = there[0]->get<uint32_t>(i.in[1]);
    if (there.size() != (count == 0 ? threads.size() : count)) continue;
    uint32_t votes = 0;
    for (const Thread* t : there) {
      if (i.aligned && &t->at() != &i)
        t->fault(fmt::format("waits at a __syncthreads() other than that of thread {} at {}",
                             describe(unravel(there[0]->index, launch.block)),
                             function.module->describe(i.source->location)));
      votes += t->get<bool>(t->at().in[2]);
    }
    ++barriers;
    for (Thread* t : there) {
      if (i.detail == 1) t->put<uint32_t>(t->at().out, votes);
      if (i.detail == 2) t->put<bool>(t->at().out, votes == there.size());
      if (i.detail == 3) t->put<bool>(t->at().out, votes != 0);
      t->barriers = barriers;
      t->state = State::kReady;
    }
    released = true;
  }
  return released;
}

// Nobody can go on: says who waits for whom.
void Block::stuck() const {
  const auto first_in = [&](State state) {
    return std::find_if(threads.begin(), threads.end(),
                        [&](const Thread& t) { return t.state == state; });
  };
  auto waits = first_in(State::kAtBarrier);
  const bool at_barrier = waits != threads.end();
  if (!at_barrier) waits = first_in(State::kAtWarp);
  const auto other = std::find_if(threads.begin(), threads.end(), [&](const Thread& t) {
    return t.state == State::kDone || &t.at() != &waits->at();
  });
  std::string why = "the number of threads that it asks for never comes";
  if (other != threads.end())
    why = fmt::format("thread {} {} at {}", describe(unravel(other->index, launch.block)),
                      other->state == State::kDone ? "ended" : "waits",
                      function.module->describe(other->at().source->location));
  waits->fault(fmt::format("waits for ever at a {} that not every thread reaches: {}",
                           at_barrier ? "__syncthreads()" : "warp operation", why));
}

// ---- kernels ---------------------------------------------------------------------------------

const std::string& Kernel::name() const { return function_->name; }
size_t Kernel::static_shared() const { return function_->static_shared; }
uint64_t Kernel::max_threads() const { return function_->max_threads; }

std::vector<std::byte> Kernel::pack(void* const* arguments) const {
  std::vector<std::byte> bytes(function_->parameter_bytes);
  for (size_t i = 0; i < function_->parameters.size(); ++i) {
    const Variable& v = function_->parameters[i];
    std::memcpy(&bytes[function_->places.at(v.name)], arguments[i], v.bytes);
  }
  return bytes;
}

void Kernel::check(const Launch& launch) const {
  const auto refuse = [&](const std::string& why) {
    throw Refusal(fmt::format("{}: {}", readable(name()), why));
  };
  const uint64_t threads = launch.block.count();
  const Extent &grid = launch.grid, &block = launch.block;
  if (threads == 0 || threads > kMostThreads || block.z > 64)
    refuse(
        fmt::format("a block of {} threads; 1 to {} are possible", describe(block), kMostThreads));
  if (threads > max_threads())
    refuse(fmt::format("{} threads in a block; its __launch_bounds__ allow {}", threads,
                       max_threads()));
  if (function_->frame_bytes > kMostLocal)
    refuse(fmt::format("{} bytes of local memory a thread", function_->frame_bytes));
  if (grid.count() == 0 || grid.x > kMostGridX || grid.y > kMostGridYz || grid.z > kMostGridYz)
    refuse(fmt::format("a grid of {} blocks is not possible", describe(grid)));
  const size_t shared = static_shared() + launch.dynamic_shared;
  if (shared > launch.shared_limit)
    refuse(fmt::format("{} bytes of shared memory; {} are allowed", shared, launch.shared_limit));
}

void Kernel::run(const Launch& launch, Memory& memory) const {
  Block block(*function_, launch, memory);
  const uint64_t count = launch.grid.count();
  for (uint64_t i = 0; i < count; ++i)
    block.run(static_cast<uint32_t>(launch.reversed ? count - 1 - i : i));
}

// ---- modules ---------------------------------------------------------------------------------

Module::Module(std::string_view text, Memory& memory) : code_(std::make_unique<Code>()) {
  code_->text = text.substr(0, text.find('\0'));
  parse(*code_);
  std::map<std::string_view, std::byte*> bytes;
  for (const Variable& v : code_->variables) {
    if (v.space == ".shared") continue;
    const Memory::Variable made = memory.allocate(std::max<size_t>(v.bytes, 1));
    std::copy(v.initial.begin(), v.initial.end(), made.bytes);
    code_->addresses[v.name] = made.address;
    bytes[v.name] = made.bytes;
  }
  for (const Variable& v : code_->variables)
    for (const Variable::Pointer& p : v.pointers) {
      const uint64_t address = code_->addresses.at(p.name) + p.number;
      std::memcpy(bytes[v.name] + p.offset, &address, sizeof(address));
    }
}
Module::~Module() = default;

const Kernel* Module::find(std::string_view name) const {
  const auto found = code_->function.find(name);
  if (found == code_->function.end() || !found->second->entry) return nullptr;
  decode(*found->second);
  for (const Kernel& kernel : code_->kernels)
    if (kernel.name() == name) return &kernel;
  return nullptr;
}

std::vector<std::string> Module::kernels() const {
  std::vector<std::string> names;
  for (const Kernel& kernel : code_->kernels) names.push_back(kernel.name());
  return names;
}

}  // namespace fake_gpu::ptx
