// Files in a folder of their own, which goes away with the object; what an error must say.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"

namespace fedcamae::testing {

class TempFolder {
 public:
  TempFolder() {
    static std::atomic<int> next{0};
    path_ = std::filesystem::temp_directory_path() /
            fmt::format("fedcamae_models_{}_{}", getpid(), next++);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream out(path_ / name, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(out.good());
    return *this / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  int64_t files() const {
    return std::distance(std::filesystem::directory_iterator(path_),
                         std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path path_;
};

// A safetensors file of this header and data; `length` where the header is to lie about its own.
inline std::string container(const std::string& header, const std::string& data,
                             uint64_t length = UINT64_MAX) {
  if (length == UINT64_MAX) length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + data;
}

// An Error of this kind, in one line that names the file and says `part`.
template <class Call>
void check_error(ErrorKind kind, const std::string& path, const std::string& part,
                 const Call& call) {
  INFO("expected: " << part);
  try {
    call();
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    const std::string text = error.what();
    INFO("got: " << text);
    CHECK(error.kind() == kind);
    CHECK(text.find(path) != std::string::npos);
    CHECK(text.find(part) != std::string::npos);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.size() < path.size() + 300);
  }
}

}  // namespace fedcamae::testing
