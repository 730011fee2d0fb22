// Statements to instructions: names become registers and addresses, opcodes become functions.
#include "tests/fake_gpu/ptx_decode.h"

#include <fmt/format.h>

#include <algorithm>

namespace fake_gpu::ptx {
namespace {

constexpr std::string_view kSpecials[] = {
    "%tid.x",       "%tid.y",       "%tid.z",       "%ntid.x",      "%ntid.y",
    "%ntid.z",      "%ctaid.x",     "%ctaid.y",     "%ctaid.z",     "%nctaid.x",
    "%nctaid.y",    "%nctaid.z",    "%laneid",      "%warpid",      "%nwarpid",
    "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt", "%lanemask_ge"};

constexpr std::string_view kWithoutTarget[] = {"st",     "red",  "bra",      "barrier",
                                               "call",   "ret",  "prefetch", "nanosleep",
                                               "membar", "exit", "trap"};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

size_t align(size_t offset, size_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

void nothing(Thread&, const Instruction&) {}
void unknown(Thread& t, const Instruction& i) {
  t.fault(fmt::format("the interpreter does not know '{}'", i.source->opcode));
}
void unknown_operand(Thread& t, const Instruction& i) {
  t.fault(fmt::format("the interpreter does not know an operand of '{}'", i.source->opcode));
}

void branch(Thread& t, const Instruction& i) {
  constexpr uint64_t kMost = uint64_t{1} << 26;
  if (++t.branches > kMost) t.fault("the thread does not come to an end");
  t.next = reinterpret_cast<const Instruction*>(i.in[0].number);
}

void call(Thread& t, const Instruction& i) {
  const size_t caller = t.frames.back().memory;
  t.push(*i.call->callee);
  for (const Call::Copy& copy : i.call->arguments)
    std::copy_n(&t.memory_stack[caller + copy.caller], copy.bytes, t.frame + copy.callee);
}
void give_back(Thread& t, const Instruction&) {
  if (t.frames.size() == 1) {
    t.state = State::kDone;
    return;
  }
  const size_t callee = t.frames.back().memory;
  const Call& call = *t.frames.back().back[-1].call;
  const size_t caller = t.frames[t.frames.size() - 2].memory;
  for (const Call::Copy& copy : call.results)
    std::copy_n(&t.memory_stack[callee + copy.callee], copy.bytes,
                &t.memory_stack[caller + copy.caller]);
  t.pop();
}
void end_thread(Thread& t, const Instruction&) { t.state = State::kDone; }
void trap(Thread& t, const Instruction&) { t.fault("trap"); }

// __assertfail(message, file, line, function, size of a character): the message is in in[0].
void assertion(Thread& t, const Instruction& i) {
  uint64_t address = t.get<uint64_t>(i.in[0]);
  std::memcpy(&address, t.frame + address, sizeof(address));
  std::string message;
  while (const char c = static_cast<char>(*t.access<Space::kGeneric>(address++, 1, Use::kRead)))
    message += c;
  t.fault(fmt::format("assertion failed: {}", message));
}

class Decoder {
 public:
  explicit Decoder(Function& function) : f_(function) {
    for (const std::string_view name : {"", "_", "CC.CF", "frame"}) slot(name);
  }

  void run() {
    f_.statements.push_back({.opcode = "ret", .location = last_location()});
    place_variables();
    find_labels();
    f_.code.reserve(f_.statements.size());
    for (const Statement& statement : f_.statements)
      if (is_instruction(statement)) f_.code.push_back(instruction(statement));
    f_.slots = static_cast<uint32_t>(slots_.size());
  }

 private:
  static bool is_instruction(const Statement& s) { return s.opcode != ":"; }
  uint32_t last_location() const {
    return f_.statements.empty() ? 0 : f_.statements.back().location;
  }
  uint32_t slot(std::string_view name) {
    return slots_.try_emplace(name, static_cast<uint32_t>(slots_.size())).first->second;
  }

  void place_variables() {
    for (const auto* list : {&f_.parameters, &f_.returns}) {
      for (const Variable& v : *list) place(v);
      if (list == &f_.parameters) f_.parameter_bytes = f_.frame_bytes;
    }
    // Calls name their parameters alike: the largest makes the room.
    std::map<std::string_view, Variable> locals;
    for (const Variable& v : f_.variables) {
      if (v.space == ".shared") {
        place_shared(v);
        continue;
      }
      Variable& local = locals.try_emplace(v.name, v).first->second;
      local.bytes = std::max(local.bytes, v.bytes);
      local.alignment = std::max(local.alignment, v.alignment);
    }
    for (const auto& [name, v] : locals) place(v);
  }
  void place(const Variable& v) {
    f_.frame_bytes = align(f_.frame_bytes, v.alignment);
    f_.places[v.name] = f_.frame_bytes;
    sizes_[v.name] = v.bytes;
    f_.frame_bytes += v.bytes;
  }
  // Variables without a size all lie behind those with one.
  uint64_t place_shared(const Variable& v) {
    const auto found = f_.places.find(v.name);
    if (found != f_.places.end()) return found->second;
    if (v.bytes == 0) {
      f_.dynamic_shared = true;
      dynamic_.push_back(v.name);
      return 0;
    }
    constexpr size_t kGap = 64;  // who runs over the end of an array does not meet another
    f_.static_shared = align(f_.static_shared, v.alignment) + v.bytes;
    f_.shared_end = align(f_.shared_end, v.alignment);
    f_.shared.push_back({f_.shared_end, v.bytes});
    f_.places[v.name] = f_.shared_end;
    f_.shared_end += v.bytes + kGap;
    return f_.places[v.name];
  }

  void find_labels() {
    // Shared variables of the module count where they are named; the dynamic one comes last.
    for (const Statement& s : f_.statements) {
      if (!is_instruction(s)) continue;
      for (const Argument& a : s.arguments) {
        const auto found = std::find_if(
            f_.module->variables.begin(), f_.module->variables.end(),
            [&](const Variable& v) { return v.space == ".shared" && v.name == a.name; });
        if (found != f_.module->variables.end()) place_shared(*found);
      }
    }
    constexpr size_t kDynamicAlignment = 128;
    f_.shared_end = align(f_.shared_end, kDynamicAlignment);
    for (const std::string_view name : dynamic_) f_.places[name] = f_.shared_end;

    size_t position = 0;
    for (const Statement& s : f_.statements) {
      if (is_instruction(s))
        ++position;
      else
        labels_[s.arguments[0].name] = position;
    }
  }
  const Instruction* at_label(std::string_view name) {
    const auto found = labels_.find(name);
    if (found == labels_.end()) throw Refusal(fmt::format("[ptx] no label {}", name));
    return f_.code.data() + found->second;
  }

  // Null names mean that the operand is not known.
  bool resolve(const Argument& argument, Operand& made) {
    made.number = argument.number + (argument.negated ? 1 : 0);
    const std::string_view name = argument.name;
    if (name.empty()) return true;
    if (name == "_" || f_.registers.contains(stem(name))) {
      made.reg = slot(name);
    } else if (contains(kSpecials, name)) {
      made.reg = slot(name);
      if (std::none_of(f_.specials.begin(), f_.specials.end(),
                       [&](const auto& s) { return s.name == name; }))
        f_.specials.push_back({made.reg, name});
    } else if (name == "WARP_SZ") {
      made.number += 32;
    } else if (const auto place = f_.places.find(name); place != f_.places.end()) {
      made.number += place->second;
      if (sizes_.contains(name)) made.reg = kFrame;
    } else if (const auto global = f_.module->addresses.find(name);
               global != f_.module->addresses.end()) {
      made.number += global->second;
    } else {
      return false;
    }
    return true;
  }
  static std::string_view stem(std::string_view name) {
    return name.substr(0, name.find_last_not_of("0123456789") + 1);
  }

  bool resolve_target(const Argument& argument, Instruction& made) {
    if (argument.list.empty()) {
      Operand target;
      if (!resolve(argument, target)) return false;
      made.out = target.reg;
      return target.number == 0;
    }
    made.count = static_cast<uint8_t>(argument.list.size());
    if (made.count > 4) return false;
    for (size_t k = 0; k < argument.list.size(); ++k) {
      Operand target;
      if (!resolve(argument.list[k], target)) return false;
      if (k == 0) made.out = target.reg;
      if (k == 1) made.out2 = target.reg;
      if (k > 1) made.in[k].reg = target.reg;
    }
    return true;
  }

  bool resolve_inputs(const Statement& s, size_t first, Instruction& made) {
    size_t k = 0;
    for (size_t a = first; a < s.arguments.size(); ++a) {
      const Argument& argument = s.arguments[a];
      if (!argument.list.empty()) made.count = static_cast<uint8_t>(argument.list.size());
      const size_t count = std::max<size_t>(argument.list.size(), 1);
      if (k + count > made.in.size()) return false;
      for (size_t part = 0; part < count; ++part)
        if (!resolve(argument.list.empty() ? argument : argument.list[part], made.in[k++]))
          return false;
    }
    return true;
  }

  Instruction instruction(const Statement& s) {
    Instruction made;
    made.source = &s;
    if (!s.predicate.empty()) {
      made.predicate = slot(s.predicate);
      made.skip_if = s.negated ? 1 : 0;
    }
    Opcode op(s.opcode);
    if (Execute flow = decode_flow(op, s, made)) {
      made.execute = flow;
      return made;
    }
    const bool no_target = contains(kWithoutTarget, op.name()) || (op.is("bar") && !op.has("red"));
    const bool known = (no_target || s.arguments.empty() || resolve_target(s.arguments[0], made)) &&
                       resolve_inputs(s, no_target ? 0 : 1, made);
    for (const auto decode : {decode_arithmetic, decode_bits, decode_memory, decode_together})
      if (!made.execute) made.execute = decode(op, made);
    if (op.is("nanosleep")) {
      (void)op.take_type();
      made.execute = nothing;
    }
    if (!made.execute || !op.all_taken())
      made.execute = unknown;
    else if (!known)
      made.execute = unknown_operand;
    return made;
  }

  Execute decode_flow(Opcode& op, const Statement& s, Instruction& made) {
    if (op.is("bra")) {
      made.in[0].number = reinterpret_cast<uint64_t>(at_label(s.arguments[0].name));
      return branch;
    }
    if (op.is("call")) return decode_call(s, made);
    if (op.is("ret")) return give_back;
    if (op.is("exit")) return end_thread;
    if (op.is("trap")) return trap;
    return nullptr;
  }

  // call.uni (retval0), name, (param0, param1);
  Execute decode_call(const Statement& s, Instruction& made) {
    const auto named = std::find_if(s.arguments.begin(), s.arguments.end(),
                                    [](const Argument& a) { return !a.name.empty(); });
    if (named == s.arguments.end()) return unknown;
    const Argument* given = named + 1 < s.arguments.end() ? &named[1] : nullptr;
    if (named->name == "vprintf") return nothing;
    if (named->name == "__assertfail" && given) {
      made.in[0].number = f_.places.at(given->list[0].name);
      return assertion;
    }
    const auto found = f_.module->function.find(named->name);
    if (found == f_.module->function.end()) return unknown;
    Function& callee = *found->second;
    decode(callee);
    Call& made_call =
        f_.calls.emplace_back(Call{.callee = &callee, .arguments = {}, .results = {}});
    const auto match = [&](const Argument* list, const std::vector<Variable>& theirs,
                           std::vector<Call::Copy>& copies) {
      for (size_t k = 0; list && k < list->list.size() && k < theirs.size(); ++k)
        copies.push_back(
            {f_.places.at(list->list[k].name), callee.places.at(theirs[k].name), theirs[k].bytes});
    };
    match(given, callee.parameters, made_call.arguments);
    match(named == s.arguments.begin() ? nullptr : &s.arguments[0], callee.returns,
          made_call.results);
    made.call = &made_call;
    return call;
  }

  Function& f_;
  std::map<std::string_view, uint32_t> slots_;
  std::map<std::string_view, size_t> labels_, sizes_;
  std::vector<std::string_view> dynamic_;
};

}  // namespace

Opcode::Opcode(std::string_view text) {
  while (!text.empty()) {
    const size_t dot = std::min(text.find('.'), text.size());
    parts_.push_back(text.substr(0, dot));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  name_ = parts_.front();
  parts_.erase(parts_.begin());
}

bool Opcode::take(std::string_view part) { return std::erase(parts_, part) > 0; }

int Opcode::take_one_of(std::initializer_list<std::string_view> parts) {
  int index = 0;
  for (const std::string_view part : parts) {
    if (take(part)) return index;
    ++index;
  }
  return -1;
}

std::string_view Opcode::take_type() {
  if (parts_.empty()) return {};
  const std::string_view type = parts_.back();
  parts_.pop_back();
  return type;
}

void Opcode::take_hints() {
  std::erase_if(parts_, [](std::string_view part) {
    return part.starts_with("L1::") || part.starts_with("L2::");
  });
}

void decode(Function& function) {
  if (function.decoded) return;
  function.decoded = true;
  Decoder(function).run();
}

}  // namespace fake_gpu::ptx
