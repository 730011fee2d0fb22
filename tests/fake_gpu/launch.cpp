// Kernels: registration and launches, as the code that nvcc generates for <<<>>> asks for them.
#include <cxxabi.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/fake_gpu/device.h"
#include "tests/fake_gpu/ptx.h"

using namespace fake_gpu;

namespace {

constexpr size_t kSharedDefault = 48 * 1024;
constexpr size_t kSharedOptIn = 227 * 1024;
constexpr int kRegistersPerThread = 32;

constexpr uint32_t kMagic = 0xBA55ED50;
constexpr uint16_t kPtx = 1;

// Where in the file's entry header the fields are that matter here; the format is not published.
constexpr size_t kHeaderSize = 4, kSize = 8, kCompressedSize = 16, kPlainSize = 56;

template <class T>
T field(const char* at, size_t offset) {
  T value;
  std::memcpy(&value, at + offset, sizeof value);
  return value;
}

std::string unpack(const char* entry) {
  const char* data = entry + field<uint32_t>(entry, kHeaderSize);
  const auto compressed = field<uint32_t>(entry, kCompressedSize);
  std::string text(compressed ? field<uint64_t>(entry, kPlainSize) : field<uint64_t>(entry, kSize),
                   0);
  if (!compressed) {
    std::memcpy(text.data(), data, text.size());
  } else if (ZSTD_isError(ZSTD_decompress(text.data(), text.size(), data, compressed))) {
    throw Fault("cannot unpack the PTX; compile with --compress-mode=none");
  }
  return text.c_str();  // up to the terminating zero
}

// The PTX inside a fat binary; `wrapper` is what __cudaRegisterFatBinary is given.
std::string embedded_ptx(const void* wrapper) {
  // {magic, version, pointer to the data, ...}
  const char* data = field<const char*>(static_cast<const char*>(wrapper), 8);
  if (field<uint32_t>(data, 0) != kMagic) throw Fault("not a fat binary as nvcc 13 writes it");
  const char* entry = data + field<uint16_t>(data, 6);
  const char* end = entry + field<uint64_t>(data, 8);
  while (entry < end) {
    if (field<uint16_t>(entry, 0) == kPtx) return unpack(entry);
    entry += field<uint32_t>(entry, kHeaderSize) + field<uint64_t>(entry, kSize);
  }
  throw Fault("no PTX is embedded; compile with -gencode arch=compute_75,code=compute_75");
}

// Device memory as the interpreter sees it.
class KernelMemory : public ptx::Memory {
 public:
  std::byte* access(uint64_t address, size_t bytes, bool write) override {
    return Device::get().memory.access(address, bytes, write ? Use::kWrite : Use::kRead);
  }
  Variable allocate(size_t bytes) override {
    fake_gpu::Memory& memory = Device::get().memory;
    const Address made = memory.allocate(bytes);
    if (made == 0) throw Misuse(cudaErrorMemoryAllocation, "no memory for a kernel's variables");
    return {made, memory.find(made, bytes, Use::kWrite)};
  }
};

// One object file's kernels. Understood when the first of them is launched.
struct Binary {
  const void* wrapper;
  std::unique_ptr<ptx::Module> module;
};

struct Registered {
  Binary* binary;
  std::string name;   // as the compiler mangled it
  std::string shown;  // for people
  const ptx::Kernel* kernel = nullptr;
  size_t shared_limit = kSharedDefault;
};

// By the host function's address, which cudaLaunchKernel is given. Programs register before main
// and in plugins later; nothing is ever taken out, since queued work may need it.
std::map<const void*, Registered>& registry() {
  static auto* const kernels = new std::map<const void*, Registered>;
  return *kernels;
}

KernelMemory& kernel_memory() {
  static auto* const memory = new KernelMemory;
  return *memory;
}

std::string demangled(const char* name) {
  int status = 0;
  char* plain = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string shown = plain ? plain : name;
  std::free(plain);
  return shown;
}

Registered& lookup(const void* function) {
  const auto found = registry().find(function);
  if (found == registry().end())
    throw Misuse(cudaErrorInvalidDeviceFunction, "not a __global__ function");
  Registered& known = found->second;
  if (known.kernel) return known;
  Binary& binary = *known.binary;
  try {
    if (!binary.module)
      binary.module = std::make_unique<ptx::Module>(embedded_ptx(binary.wrapper), kernel_memory());
  } catch (const std::exception& error) {
    throw Misuse(cudaErrorInvalidKernelImage, known.shown + ": " + error.what());
  }
  known.kernel = binary.module->find(known.name);
  if (!known.kernel)
    throw Misuse(cudaErrorInvalidDeviceFunction, known.shown + " is not in the PTX");
  return known;
}

ptx::Extent extent(dim3 of) { return {of.x, of.y, of.z}; }

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments, size_t shared,
                   cudaStream_t stream) {
  return call("kernel launch", [&](Device& device) {
    const Registered& known = lookup(function);
    ptx::Launch plan{.grid = extent(grid),
                     .block = extent(block),
                     .dynamic_shared = shared,
                     .shared_limit = known.shared_limit,
                     .parameters = known.kernel->pack(arguments),
                     .reversed = device.reversed()};
    try {
      known.kernel->check(plan);
    } catch (const ptx::Refusal& refusal) {
      throw Misuse(cudaErrorInvalidConfiguration, refusal.what());
    }
    device.enqueue(stream, known.shown.c_str(), [kernel = known.kernel, plan = std::move(plan)] {
      kernel->run(plan, kernel_memory());
    });
  });
}

struct Configuration {
  dim3 grid, block;
  size_t shared;
  cudaStream_t stream;
};
thread_local std::vector<Configuration> configurations;

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// The names are those of the code that nvcc generates.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)

void** __cudaRegisterFatBinary(void* wrapper) {
  return reinterpret_cast<void**>(new Binary{wrapper, nullptr});
}

void __cudaRegisterFatBinaryEnd(void**) {}

void __cudaUnregisterFatBinary(void**) {}

char __cudaInitModule(void**) { return 1; }

void __cudaRegisterFunction(void** binary, const char* function, char*, const char* name, int,
                            uint3*, uint3*, dim3*, dim3*, int*) {
  const std::lock_guard lock(Device::get().mutex);
  registry()[function] = {reinterpret_cast<Binary*>(binary), name, demangled(name)};
}

// Variables are the interpreter's; cudaMemcpyToSymbol is not faked.
void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) {
  configurations.push_back({grid, block, shared, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  if (configurations.empty()) return cudaErrorMissingConfiguration;
  const Configuration& last = configurations.back();
  *grid = last.grid;
  *block = last.block;
  *shared = last.shared;
  *static_cast<cudaStream_t*>(stream) = last.stream;
  configurations.pop_back();
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* made, const void* function) {
  *made = reinterpret_cast<cudaKernel_t>(const_cast<void*>(function));
  return cudaSuccess;
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               size_t shared, cudaStream_t stream) {
  return launch(kernel, grid, block, arguments, shared, stream);
}

// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments,
                             size_t shared, cudaStream_t stream) {
  return launch(function, grid, block, arguments, shared, stream);
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute which, int value) {
  return call("cudaFuncSetAttribute", [&](Device&) {
    Registered& known = lookup(function);
    if (which == cudaFuncAttributePreferredSharedMemoryCarveout) return;
    if (which != cudaFuncAttributeMaxDynamicSharedMemorySize)
      throw Misuse(cudaErrorInvalidValue, "this attribute is not faked");
    const size_t all = known.kernel->static_shared() + value;
    if (value < 0 || all > kSharedOptIn)
      throw Misuse(cudaErrorInvalidValue, "a block has at most 227 KiB of shared memory");
    known.shared_limit = std::max(kSharedDefault, all);
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* made, const void* function) {
  return call("cudaFuncGetAttributes", [&](Device&) {
    const Registered& known = lookup(function);
    *made = {};
    made->sharedSizeBytes = known.kernel->static_shared();
    made->maxThreadsPerBlock = static_cast<int>(known.kernel->max_threads());
    made->maxDynamicSharedSizeBytes = static_cast<int>(known.shared_limit - made->sharedSizeBytes);
    made->numRegs = kRegistersPerThread;
    made->ptxVersion = made->binaryVersion = 90;
  });
}

// Threads and shared memory only; registers are not known. The C++ overload asks with flags.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks,
                                                                   const void* function,
                                                                   int threads, size_t shared,
                                                                   unsigned) {
  return call("cudaOccupancyMaxActiveBlocksPerMultiprocessor", [&](Device&) {
    const size_t each = lookup(function).kernel->static_shared() + shared;
    if (threads <= 0) throw Misuse(cudaErrorInvalidValue, "no threads");
    *blocks = std::min(32, 2048 / threads);
    if (each > 0) *blocks = std::min<int>(*blocks, static_cast<int>(kSharedOptIn / each));
  });
}

}  // extern "C"
