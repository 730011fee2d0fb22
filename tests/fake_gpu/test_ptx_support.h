// For the tests of the interpreter: memory, and modules of PTX files.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/fake_gpu/ptx.h"

namespace fake_gpu::testing {

// Allocations with room between them; fresh memory is 0xff.
class Bench : public ptx::Memory {
 public:
  std::byte* access(uint64_t address, size_t bytes, bool) override {
    auto found = blocks_.upper_bound(address);
    if (found != blocks_.begin()) {
      --found;
      const uint64_t offset = address - found->first;
      if (offset + bytes <= found->second.size()) return &found->second[offset];
    }
    throw std::runtime_error(address < 4096 ? "null pointer" : "out of bounds");
  }
  Variable allocate(size_t bytes) override {
    const uint64_t address = next_;
    next_ += (bytes + 4096) / 4096 * 4096;
    std::vector<std::byte>& made = blocks_[address];
    made.assign(bytes, std::byte{0xff});
    return {address, made.data()};
  }

  template <class T>
  uint64_t put(const std::vector<T>& values) {
    const Variable made = allocate(values.size() * sizeof(T));
    std::memcpy(made.bytes, values.data(), values.size() * sizeof(T));
    return made.address;
  }
  template <class T>
  uint64_t make(size_t count) {
    return allocate(count * sizeof(T)).address;
  }
  template <class T>
  std::vector<T> take(uint64_t address) const {
    const std::vector<std::byte>& bytes = blocks_.at(address);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }

 private:
  std::map<uint64_t, std::vector<std::byte>> blocks_;
  uint64_t next_ = 0x700000000000;
};

inline std::string text_of(const std::string& path) {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file, path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// One module, and launches of its kernels.
struct Machine {
  Bench memory;
  ptx::Module module;
  bool reversed = false;

  // `paths` is one of kArchitectures; the file is that of `name`.
  Machine(const std::string& name, const std::string& paths)
      : module(text_of(choose(name, paths)), memory) {}

  template <class... Args>
  void run(const std::string& name, ptx::Extent grid, ptx::Extent block, size_t shared,
           Args... args) {
    const ptx::Kernel* kernel = module.find(name);
    REQUIRE_MESSAGE(kernel, name);
    void* pointers[] = {&args..., nullptr};
    ptx::Launch launch{.grid = grid,
                       .block = block,
                       .dynamic_shared = shared,
                       .parameters = kernel->pack(pointers),
                       .reversed = reversed};
    kernel->check(launch);
    kernel->run(launch, memory);
  }

 private:
  static std::string choose(const std::string& name, const std::string& paths) {
    std::istringstream list(paths);
    for (std::string path; std::getline(list, path, ':');)
      if (path.find("/" + name + ".") != std::string::npos) return path;
    return name;
  }
};

// For each architecture the PTX files that nvcc made, separated by colons.
constexpr const char* kArchitectures[] = {FAKE_GPU_PTX_75, FAKE_GPU_PTX_90, FAKE_GPU_PTX_120};

}  // namespace fake_gpu::testing
