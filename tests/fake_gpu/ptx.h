// Runs the PTX that nvcc put into an object file, more strictly than a GPU does.
//
// Everything wrong with a kernel ends as a Fault of one line: what happened, in which kernel, at
// which line of its .cu file (compiled with -lineinfo), in which block and thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fake_gpu::ptx {

// The kernel that runs breaks a rule.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Text that cannot be understood, or a launch that a GPU refuses before anything runs.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The global memory that kernels see; whoever owns it knows what is allocated.
class Memory {
 public:
  virtual ~Memory() = default;
  // The bytes at [address, address + bytes) for the kernel that runs. What it throws
  // (any std::exception) becomes a Fault with the place in front.
  virtual std::byte* access(uint64_t address, size_t bytes, bool write) = 0;
  // Room for a variable of the module that lives as long as the device, and its bytes.
  struct Variable {
    uint64_t address;
    std::byte* bytes;
  };
  virtual Variable allocate(size_t bytes) = 0;
};

struct Extent {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t{x} * y * z; }
};

struct Launch {
  Extent grid;
  Extent block;
  size_t dynamic_shared = 0;
  // What cudaFuncAttributeMaxDynamicSharedMemorySize allows; static and dynamic together.
  size_t shared_limit = 48 * 1024;
  std::vector<std::byte> parameters;  // of Kernel::pack
  bool reversed = false;              // last block, last thread first
};

struct Function;  // ptx_code.h

// One __global__ function. Lives as long as its Module.
class Kernel {
 public:
  explicit Kernel(const Function& function) : function_(&function) {}

  const std::string& name() const;  // as the compiler mangled it
  size_t static_shared() const;     // bytes
  uint64_t max_threads() const;     // of a block: 1024, or what __launch_bounds__ says
  // The bytes of the arguments that cudaLaunchKernel gets as pointers.
  std::vector<std::byte> pack(void* const* arguments) const;
  // Throws Refusal where cudaLaunchKernel would return an error.
  void check(const Launch& launch) const;
  // Runs all threads to their end, or throws Fault. One launch at a time for a Memory.
  void run(const Launch& launch, Memory& memory) const;

 private:
  const Function* function_;
};

class Module {
 public:
  // Allocates the __device__ and __constant__ variables. Throws Refusal for text that is no PTX.
  Module(std::string_view text, Memory& memory);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Null where the module has no such __global__ function.
  const Kernel* find(std::string_view name) const;
  std::vector<std::string> kernels() const;

  struct Code;  // ptx_code.h

 private:
  std::unique_ptr<Code> code_;
};

}  // namespace fake_gpu::ptx
