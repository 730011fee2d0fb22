// Named options with type, default, range and documentation: what `fedcamae list` prints, what a
// configuration file is checked against, and how attacks, defenses and partitions are configured.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/error.h"

namespace fedcamae {

using OptionValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                                 std::vector<double>, std::vector<std::string>>;

struct Option {
  std::string name;
  OptionValue value;  // the default; its type is the option's type
  std::string doc;    // one line: meaning, unit, range
  double low = -std::numeric_limits<double>::infinity();  // for numbers and numbers in lists
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  // for text: empty means any
};

std::string type_name(const OptionValue& value);  // "boolean", "integer", "number", "text", ...
std::string to_text(const OptionValue& value);    // as TOML writes it

// The values of a set of options. Reading a name that was not declared is a programming error.
class Options {
 public:
  Options() = default;
  explicit Options(const std::vector<Option>& declared) : declared_(declared) {
    for (const Option& option : declared) values_[option.name] = option.value;
  }

  bool flag(const std::string& name) const { return get<bool>(name); }
  int64_t integer(const std::string& name) const { return get<int64_t>(name); }
  double real(const std::string& name) const { return get<double>(name); }
  const std::string& text(const std::string& name) const { return get<std::string>(name); }
  const std::vector<int64_t>& integers(const std::string& name) const {
    return get<std::vector<int64_t>>(name);
  }
  const std::vector<double>& reals(const std::string& name) const {
    return get<std::vector<double>>(name);
  }
  const std::vector<std::string>& texts(const std::string& name) const {
    return get<std::vector<std::string>>(name);
  }

  const std::vector<Option>& declared() const { return declared_; }
  const OptionValue& value(const std::string& name) const;
  // Throws Error{kUsage} for an unknown name (with the nearest known one), a value of another type
  // (an integer is a number), out of range, or not among the choices.
  void set(const std::string& name, const OptionValue& value);

 private:
  template <class T>
  const T& get(const std::string& name) const {
    const T* held = std::get_if<T>(&value(name));
    check(held != nullptr, "[options] '{}' was read as another type than declared", name);
    return *held;
  }
  std::vector<Option> declared_;
  std::map<std::string, OptionValue> values_;
};

// The candidate with the smallest edit distance, or "" where none is near: "did you mean".
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace fedcamae
