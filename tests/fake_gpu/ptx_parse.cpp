// Text to statements. nvcc's text is taken to be well formed; what is not is refused.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>

#include "tests/fake_gpu/ptx_code.h"

namespace fake_gpu::ptx {
namespace {

// Words (names, opcodes with their dots, numbers), strings, and single characters.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : rest_(text) { next(); }

  std::string_view peek() const { return token_; }
  bool end() const { return token_.empty(); }
  std::string_view next() {
    const std::string_view was = token_;
    skip_space();
    const size_t length = measure();
    token_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return was;
  }
  bool accept(std::string_view token) {
    if (token_ != token) return false;
    next();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) throw Refusal(fmt::format("[ptx] '{}' where '{}' belongs", token_, token));
  }
  void skip_past(std::string_view token) {
    while (!end() && next() != token) {
    }
  }
  // Past the } of a { that was just read.
  void skip_block() {
    for (int depth = 1; depth > 0 && !end();) {
      const std::string_view token = next();
      depth += token == "{" ? 1 : token == "}" ? -1 : 0;
    }
  }
  // Whether the next token starts on the same line; directives without ; end there.
  bool same_line() const { return std::find(previous_end_, token_.data(), '\n') == token_.data(); }

 private:
  static bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' ||
           c == '.';
  }
  void skip_space() {
    previous_end_ = rest_.data();
    while (!rest_.empty()) {
      if (std::isspace(static_cast<unsigned char>(rest_[0]))) {
        rest_.remove_prefix(1);
      } else if (rest_.starts_with("//")) {
        rest_.remove_prefix(std::min(rest_.size(), rest_.find('\n')));
      } else if (rest_.starts_with("/*")) {
        rest_.remove_prefix(std::min(rest_.size(), rest_.find("*/") + 2));
      } else {
        break;
      }
    }
  }
  size_t measure() const {
    if (rest_.empty()) return 0;
    if (rest_[0] == '"') return std::min(rest_.size(), rest_.find('"', 1) + 1);
    size_t length = 0;
    while (length < rest_.size()) {
      if (in_word(rest_[length])) {
        ++length;
      } else if (length > 0 && rest_.substr(length, 2) == "::") {  // L2::128B
        length += 2;
      } else {
        break;
      }
    }
    return std::max<size_t>(length, 1);
  }

  std::string_view rest_, token_;
  const char* previous_end_ = nullptr;
};

bool is_number(std::string_view token) {
  return !token.empty() && std::isdigit(static_cast<unsigned char>(token[0]));
}

// 12, 0x1F, 017, 0f3F800000, 0d3FF0000000000000, with an optional U.
uint64_t number(std::string_view token) {
  int base = 10;
  std::string_view digits = token;
  if (digits.size() > 1 && digits[0] == '0') {
    const char kind = static_cast<char>(std::tolower(static_cast<unsigned char>(digits[1])));
    base = kind == 'x' || kind == 'f' || kind == 'd' ? 16 : kind == 'b' ? 2 : 8;
    digits.remove_prefix(base == 8 ? 1 : 2);
  }
  if (digits.ends_with('U')) digits.remove_suffix(1);
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size())
    throw Refusal(fmt::format("[ptx] '{}' is no number", token));
  return value;
}

class Parser {
 public:
  explicit Parser(Module::Code& code) : code_(code), tokens_(code.text) {}

  void module() {
    while (!tokens_.end()) {
      const std::string_view token = tokens_.next();
      if (token == ".entry" || token == ".func") {
        function(token == ".entry");
      } else if (token == ".global" || token == ".const" || token == ".shared") {
        code_.variables.push_back(variable(token));
        tokens_.expect(";");
      } else if (token == ".file") {
        const uint64_t index = number(tokens_.next());
        std::string_view path = tokens_.next();
        path = path.substr(1, path.size() - 2);
        code_.files[static_cast<uint32_t>(index)] = path.substr(path.rfind('/') + 1);
        rest_of_line();
      } else if (token == ".section") {
        tokens_.skip_past("{");
        tokens_.skip_block();
      } else if (token == ".version" || token == ".target" || token == ".address_size") {
        rest_of_line();
      } else if (token == ".pragma") {
        tokens_.skip_past(";");
      } else if (token != ".visible" && token != ".weak" && token != ".extern" &&
                 token != ".common") {
        throw Refusal(fmt::format("[ptx] '{}' is no directive that the interpreter knows", token));
      }
    }
  }

 private:
  void rest_of_line() {
    while (!tokens_.end() && tokens_.same_line()) tokens_.next();
  }

  // What follows ".global" and the like: `.align 4 .b8 name[36] = {1, 2}`.
  Variable variable(std::string_view space) {
    Variable made;
    made.space = space;
    size_t element = 0, vector = 1;
    bool pointee = false;  // `.u64 .ptr .align 16 name`: the alignment of what it points to
    while (tokens_.peek().starts_with('.')) {
      const std::string_view token = tokens_.next();
      if (token == ".ptr") pointee = true;
      if (token == ".align") {
        const size_t alignment = number(tokens_.next());
        if (!pointee) made.alignment = alignment;
      } else if (token == ".v2" || token == ".v4") {
        vector = token == ".v2" ? 2 : 4;
      } else if (token == ".attribute") {
        tokens_.skip_past(")");
      } else if (type_bytes(token) > 0) {
        element = type_bytes(token);
      }
    }
    made.name = tokens_.next();
    size_t count = vector;
    while (tokens_.accept("[")) {
      count = tokens_.peek() == "]" ? 0 : count * number(tokens_.next());
      tokens_.expect("]");
    }
    made.alignment = std::max(made.alignment, std::min<size_t>(element * vector, 16));
    if (tokens_.accept("=")) initial_values(made, element);
    made.bytes = count == 0 ? made.initial.size() : count * element;
    if (space == ".global" || space == ".const") made.initial.resize(made.bytes);
    return made;
  }

  void initial_values(Variable& made, size_t element) {
    if (tokens_.accept("{")) {
      while (!tokens_.accept("}")) {
        initial_values(made, element);
        tokens_.accept(",");
      }
      return;
    }
    const size_t offset = made.initial.size();
    made.initial.resize(offset + element);
    const bool generic = tokens_.accept("generic");
    if (generic) tokens_.expect("(");
    const Argument value = argument();
    if (generic) tokens_.expect(")");
    if (!value.name.empty()) {
      const uint64_t more = tokens_.accept("+") ? number(tokens_.next()) : 0;
      if (element != 8) throw Refusal(fmt::format("[ptx] a part of an address in {}", made.name));
      made.pointers.push_back({offset, value.name, value.number + more});
    } else {
      std::memcpy(&made.initial[offset], &value.number, element);
    }
  }

  void function(bool entry) {
    Function made;
    made.module = &code_;
    made.entry = entry;
    if (tokens_.accept("(")) made.returns = parameters();
    made.name = tokens_.next();
    if (tokens_.accept("(")) made.parameters = parameters();
    while (tokens_.peek() != "{" && tokens_.peek() != ";") performance_directive(made);
    if (tokens_.next() == ";") return;  // a declaration
    function_ = &code_.functions.emplace_back(std::move(made));
    code_.function[function_->name] = function_;
    if (entry) code_.kernels.emplace_back(*function_);
    body();
  }

  // .maxntid 256, 1, 1 and the like.
  void performance_directive(Function& made) {
    const bool most = tokens_.next() == ".maxntid";
    uint64_t product = 1;
    while (is_number(tokens_.peek()) || tokens_.peek() == ",")
      if (!tokens_.accept(",")) product *= number(tokens_.next());
    if (most) made.max_threads = product;
  }

  std::vector<Variable> parameters() {
    std::vector<Variable> list;
    while (!tokens_.accept(")")) {
      const std::string_view space = tokens_.next();  // .param or .reg
      list.push_back(variable(space));
      tokens_.accept(",");
    }
    return list;
  }

  void body() {
    scopes_.assign(1, {});
    while (!scopes_.empty()) {
      if (tokens_.end()) throw Refusal("[ptx] the text ends within " + function_->name);
      const std::string_view token = tokens_.next();
      if (token == "{") {
        scopes_.emplace_back();
      } else if (token == "}") {
        scopes_.pop_back();
      } else if (token == ".reg" || token.starts_with(".reg.")) {
        registers();
      } else if (token == ".loc") {
        location();
      } else if (token == ".pragma" || token == ".callprototype") {
        tokens_.skip_past(";");
      } else if (token == ".local" || token == ".shared" || token == ".param") {
        function_->variables.push_back(variable(token));
        tokens_.expect(";");
      } else if (tokens_.accept(":")) {
        Argument label;
        label.name = token;
        add({.opcode = ":", .arguments = {label}});
      } else if (token == "@") {
        const bool negated = tokens_.accept("!");
        const std::string_view predicate = scoped(tokens_.next());
        statement({.opcode = tokens_.next(), .predicate = predicate, .negated = negated});
      } else {
        statement({.opcode = token});
      }
    }
  }

  void add(Statement made) {
    made.location = static_cast<uint32_t>(code_.locations.size() - 1);
    function_->statements.push_back(std::move(made));
  }

  // .reg .b32 %r<17>, a, b; in an inner scope they hide outer ones of the same name, and get
  // another name: "2 a".
  void registers() {
    while (tokens_.peek().starts_with('.')) tokens_.next();
    while (!tokens_.accept(";")) {
      std::string_view name = tokens_.next();
      if (scopes_.size() > 1)
        name = scopes_.back()[name] =
            code_.names.emplace_back(fmt::format("{} {}", scopes_.size(), name));
      function_->registers[name.substr(0, name.find_last_not_of("0123456789") + 1)] = true;
      if (tokens_.accept("<")) tokens_.skip_past(">");
      tokens_.accept(",");
    }
  }

  std::string_view scoped(std::string_view name) const {
    for (size_t depth = scopes_.size(); depth > 1; --depth) {
      const auto found = scopes_[depth - 1].find(name);
      if (found != scopes_[depth - 1].end()) return found->second;
    }
    return name;
  }

  // .loc 1 12 5[, function_name $L__info_string0, inlined_at 1 40 3]
  void location() {
    Location made;
    made.file = static_cast<uint32_t>(number(tokens_.next()));
    made.line = static_cast<uint32_t>(number(tokens_.next()));
    while (tokens_.same_line()) {
      if (tokens_.next() != "inlined_at") continue;
      made.outer_file = static_cast<uint32_t>(number(tokens_.next()));
      made.outer_line = static_cast<uint32_t>(number(tokens_.next()));
    }
    // The place may have been inlined itself: the line before says where.
    const Location& before = code_.locations.back();
    if (before.file == made.outer_file && before.line == made.outer_line &&
        before.outer_line != 0) {
      made.outer_file = before.outer_file;
      made.outer_line = before.outer_line;
    }
    code_.locations.push_back(made);
  }

  void statement(Statement made) {
    while (!tokens_.accept(";")) {
      Argument one = argument();
      if (tokens_.accept("|")) one = {.list = {one, argument()}};
      made.arguments.push_back(std::move(one));
      tokens_.accept(",");
    }
    add(std::move(made));
  }

  Argument argument() {
    Argument made;
    if (tokens_.accept("!")) made.negated = true;
    if (tokens_.accept("{") || tokens_.peek() == "(") {
      tokens_.accept("(");
      while (!tokens_.accept("}") && !tokens_.accept(")")) {
        made.list.push_back(argument());
        tokens_.accept(",");
      }
      return made;
    }
    made.address = tokens_.accept("[");
    do {
      const bool minus = tokens_.accept("-");
      if (is_number(tokens_.peek())) {
        const uint64_t value = number(tokens_.next());
        made.number += minus ? 0 - value : value;
      } else {
        made.name = scoped(tokens_.next());
      }
    } while (tokens_.accept("+"));
    if (made.address) tokens_.expect("]");
    return made;
  }

  Module::Code& code_;
  Tokens tokens_;
  Function* function_ = nullptr;
  std::vector<std::map<std::string_view, std::string_view>> scopes_;  // hidden names
};

}  // namespace

size_t type_bytes(std::string_view type) {
  if (type.starts_with('.')) type.remove_prefix(1);
  if (type == "pred") return 1;
  if (type.ends_with("x2")) return 4;
  const size_t digits = type.find_first_of("0123456789");
  if (digits == 0 || digits > 2 || std::string_view("busf").find(type[0]) == std::string_view::npos)
    return 0;  // "bf16" has two letters
  size_t bits = 0;
  std::from_chars(type.data() + digits, type.data() + type.size(), bits);
  return bits / 8;
}

void parse(Module::Code& code) { Parser(code).module(); }

std::string Module::Code::describe(uint32_t location) const {
  const auto place = [&](uint32_t file, uint32_t line) {
    const auto found = files.find(file);
    return fmt::format("{}:{}", found == files.end() ? "?" : found->second, line);
  };
  const Location& at = locations[location];
  if (at.line == 0) return "unknown line (compile with -lineinfo)";
  if (at.outer_line == 0) return place(at.file, at.line);
  return fmt::format("{}, called from {}", place(at.file, at.line),
                     place(at.outer_file, at.outer_line));
}

}  // namespace fake_gpu::ptx
