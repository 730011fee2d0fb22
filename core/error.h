// The one exception type. Its kind decides the exit code of the program (README, "Exit codes").
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace fedcamae {

enum class ErrorKind {
  kUnexpected = 1,  // a rule of the library was broken: shapes, devices, internal logic
  kUsage = 2,       // command line or configuration
  kData = 3,        // data or weights missing, truncated, corrupt
  kDevice = 4,      // device not built in, not there, or out of memory
  kDiverged = 5,    // training produced no finite model
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

// Throws Error{kind} with the formatted message.
template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

// The rule of an operation: `check(ok, "[conv2d] weight expects {} input channels, got x {}",
// ...)`.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]]
    throw Error(ErrorKind::kUnexpected, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace fedcamae
