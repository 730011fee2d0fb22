#include "core/options.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

namespace fedcamae {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string one(bool value) { return value ? "true" : "false"; }
std::string one(int64_t value) { return fmt::format("{}", value); }
std::string one(const std::string& value) { return quoted(value); }
std::string one(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}
template <class T>
std::string one(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(one(value));
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string range_text(const Option& option) {
  if (std::isinf(option.high)) return fmt::format("at least {}", option.low);
  if (std::isinf(option.low)) return fmt::format("at most {}", option.high);
  return fmt::format("from {} to {}", option.low, option.high);
}

void check_number(const Option& option, double value) {
  if (value >= option.low && value <= option.high) return;
  // A NaN is in no range, not even in the one without ends.
  const bool endless = std::isinf(option.low) && std::isinf(option.high);
  fail(ErrorKind::kUsage, "'{}' must be {}, got {}", option.name,
       endless ? "a number" : range_text(option), value);
}

void check_choice(const Option& option, const std::string& value) {
  const auto& choices = option.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::string near = nearest(value, choices);
  fail(ErrorKind::kUsage, "'{}' cannot be '{}'{} (one of {})", option.name, value,
       near.empty() ? "" : fmt::format(", did you mean '{}'?", near), fmt::join(choices, ", "));
}

void check_value(const Option&, bool) {}
void check_value(const Option& option, int64_t value) {
  check_number(option, static_cast<double>(value));
}
void check_value(const Option& option, double value) { check_number(option, value); }
void check_value(const Option& option, const std::string& value) { check_choice(option, value); }
template <class T>
void check_value(const Option& option, const std::vector<T>& values) {
  for (const T& value : values) check_value(option, value);
}

// An integer where a number is declared is that number.
OptionValue widened(const OptionValue& value, const OptionValue& declared) {
  const auto* integer = std::get_if<int64_t>(&value);
  if (integer != nullptr && std::holds_alternative<double>(declared))
    return static_cast<double>(*integer);
  const auto* integers = std::get_if<std::vector<int64_t>>(&value);
  if (integers != nullptr && std::holds_alternative<std::vector<double>>(declared))
    return std::vector<double>(integers->begin(), integers->end());
  return value;
}

// Insertions, deletions, replacements and swaps of neighbours (Levenshtein, with Damerau's swap).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    before = std::move(last);
    last = row;
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j])
        row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::string type_name(const OptionValue& value) {
  struct Namer {
    std::string operator()(bool) const { return "boolean"; }
    std::string operator()(int64_t) const { return "integer"; }
    std::string operator()(double) const { return "number"; }
    std::string operator()(const std::string&) const { return "text"; }
    std::string operator()(const std::vector<int64_t>&) const { return "list of integers"; }
    std::string operator()(const std::vector<double>&) const { return "list of numbers"; }
    std::string operator()(const std::vector<std::string>&) const { return "list of texts"; }
  };
  return std::visit(Namer{}, value);
}

std::string to_text(const OptionValue& value) {
  return std::visit([](const auto& held) { return one(held); }, value);
}

const OptionValue& Options::value(const std::string& name) const {
  const auto found = values_.find(name);
  check(found != values_.end(), "[options] '{}' was never declared", name);
  return found->second;
}

void Options::set(const std::string& name, const OptionValue& value) {
  const auto option = std::find_if(declared_.begin(), declared_.end(),
                                   [&](const Option& o) { return o.name == name; });
  if (option == declared_.end()) {
    std::vector<std::string> known;
    for (const Option& o : declared_) known.push_back(o.name);
    const std::string near = nearest(name, known);
    fail(ErrorKind::kUsage, "unknown option '{}'{}", name,
         near.empty() ? "" : fmt::format(", did you mean '{}'?", near));
  }
  const OptionValue wide = widened(value, option->value);
  if (wide.index() != option->value.index())
    fail(ErrorKind::kUsage, "'{}' expects {}, got {}", name, type_name(option->value),
         to_text(value));
  std::visit([&](const auto& held) { check_value(*option, held); }, wide);
  values_[name] = wide;
}

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  // One slip in three characters, and one in any word.
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace fedcamae
