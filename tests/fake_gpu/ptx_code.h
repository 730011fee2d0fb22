// PTX as text taken apart (ptx_parse.cpp) and as instructions that can be executed
// (ptx_decode.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fake_gpu/ptx.h"

namespace fake_gpu::ptx {

// ---- text ----------------------------------------------------------------------------------

// `%r1`, `7`, `[%rd1+4]`, `{%f1, %f2}`, `(param0)`, `%p1|%p2`.
struct Argument {
  bool address = false;     // [...]
  bool negated = false;     // !...
  std::string_view name{};  // a register, variable or label; may be empty
  uint64_t number = 0;      // added to the name
  std::vector<Argument> list{};
};

// `@!%p1 ld.global.f32 %f1, [%rd1+4];`. A label is a statement with the opcode ":".
struct Statement {
  std::string_view opcode{};
  std::string_view predicate{};
  bool negated = false;
  std::vector<Argument> arguments{};
  uint32_t location = 0;  // index into Module::Code::locations
};

struct Location {
  uint32_t file = 0, line = 0;
  uint32_t outer_file = 0, outer_line = 0;  // where the function of this line was inlined
};

struct Variable {
  std::string_view space;  // ".global", ".const", ".shared", ".local", ".param"
  std::string_view name;
  size_t bytes = 0;  // 0: as much as the launch asks for
  size_t alignment = 1;
  std::vector<std::byte> initial;
  struct Pointer {  // the address of another variable, to be stored at an offset
    size_t offset;
    std::string_view name;
    uint64_t number;
  };
  std::vector<Pointer> pointers;
};

// ---- instructions --------------------------------------------------------------------------

struct Thread;
struct Warp;
struct Instruction;
using Execute = void (*)(Thread&, const Instruction&);
// What the lanes of `mask` do together, each with its own copy of the instruction's operands.
using Collective = void (*)(Warp&, uint32_t mask, const Instruction&);

// The value is registers[reg] + number; register 0 is always 0, so that constants, addresses and
// registers need no branch. !%p1 is %p1 + 1: only the last bit of a predicate counts.
struct Operand {
  uint32_t reg = 0;
  uint64_t number = 0;
};

constexpr uint32_t kZero = 0;   // the register that is 0
constexpr uint32_t kSink = 1;   // the register that nobody reads
constexpr uint32_t kCarry = 2;  // CC.CF
constexpr uint32_t kFrame = 3;  // where the function's parameters and .local variables begin

enum class Rounding : uint8_t { kNearest, kTowardZero, kDown, kUp };
// Strong accesses (atomic, volatile, relaxed, ...) may meet without a race; reduce(strong write).
enum class Use : uint8_t { kRead, kWrite, kStrongRead, kStrongWrite };
inline bool writes(Use use) { return use == Use::kWrite || use == Use::kStrongWrite; }
inline bool strong(Use use) { return use == Use::kStrongRead || use == Use::kStrongWrite; }

struct Instruction {
  Execute execute = nullptr;
  uint32_t predicate = kZero;
  uint8_t skip_if = 1;  // what the predicate is where the instruction does nothing
  Rounding rounding = Rounding::kNearest;
  bool aligned = false;   // the same bar.sync for all threads
  bool flush = false;     // .ftz
  bool saturate = false;  // .sat
  uint8_t count = 1;      // of a vector
  uint8_t detail = 0;     // what an opcode needs besides
  Use use = Use::kRead;
  uint32_t out = kSink, out2 = kSink;
  // A vector's third and fourth target are in[2].reg and in[3].reg, its second is out2.
  std::array<Operand, 5> in;
  const Statement* source = nullptr;
  Collective collective = nullptr;
  const struct Call* call = nullptr;
};

struct Call {
  const Function* callee;
  struct Copy {
    size_t caller, callee, bytes;  // places in the frames
  };
  std::vector<Copy> arguments, results;
};

struct Function {
  Module::Code* module = nullptr;
  std::string name;
  bool entry = false;
  uint64_t max_threads = 1024;  // .maxntid
  std::vector<Variable> parameters, returns, variables;
  std::map<std::string_view, bool> registers;  // declared names without digits
  std::deque<Statement> statements;            // instructions point to them

  // Filled by decode().
  bool decoded = false;
  std::vector<Instruction> code;
  uint32_t slots = 0;  // registers
  struct Special {
    uint32_t slot;
    std::string_view name;  // %tid.x
  };
  std::vector<Special> specials;
  std::deque<Call> calls;
  std::map<std::string_view, size_t> places;  // in the frame, or in shared memory
  size_t frame_bytes = 0;                     // parameters and .local variables
  size_t parameter_bytes = 0;
  struct Range {
    size_t begin, bytes;
  };
  std::vector<Range> shared;  // of static variables
  size_t static_shared = 0;   // bytes, as nvcc counts
  size_t shared_end = 0;      // where they end here: between two there is a gap
  bool dynamic_shared = false;
};

struct Module::Code {
  std::string text;               // what all string_views point into,
  std::deque<std::string> names;  // and these: registers of inner scopes
  std::deque<Function> functions;
  std::deque<Kernel> kernels;
  std::map<std::string, Function*, std::less<>> function;
  std::deque<Variable> variables;
  std::map<std::string_view, uint64_t> addresses;  // of .global and .const variables
  std::vector<Location> locations{Location{}};
  std::map<uint32_t, std::string> files;

  // "loss.cu:12", or "math.h:3, called from loss.cu:12" where that was inlined.
  std::string describe(uint32_t location) const;
};

// Takes the module's text apart. Throws Refusal.
void parse(Module::Code& code);
// Makes instructions of statements; what it does not know faults when executed.
void decode(Function& function);
// The bytes of "f32", ".b8", "f16x2"; 0 for what is no type.
size_t type_bytes(std::string_view type);

}  // namespace fake_gpu::ptx
