// Context: a device, its memory pool, a thread count. Several live side by side, one per worker;
// one context is used by one thread at a time, but a tensor may be released by any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fedcamae {

class Backend;
class Profile;

enum class DeviceType { kCpu, kCuda };
struct Device {
  DeviceType type = DeviceType::kCpu;
  int index = 0;
  bool operator==(const Device&) const = default;
  std::string str() const;  // "cpu", "cuda:0"
};
// "auto" (cuda:0 where it can be used, else cpu) | "cpu" | "cuda" | "cuda:N". Throws Error{kUsage}
// for other text, Error{kDevice} with the reason for a device that cannot be used.
Device parse_device(const std::string& text);
bool has_gpu_backend();
int gpu_count();  // of this machine; 0 where none can be asked
// Why the device cannot be used, in one line; empty where it can.
std::string device_obstacle(const Device& device);

// How activations are stored and products formed; parameters, statistics, losses and the optimiser
// are float32 always. kFloat32: nothing is rounded. kTf32 (a GPU's): float32 storage, products of
// numbers rounded to 10 bits of mantissa. kBf16: activations and their gradients are bfloat16, and
// what a convolution or a matrix product reads; sums are float32.
enum class Precision { kFloat32, kTf32, kBf16 };

// How a GPU's convolutions are chosen. kFixed: the same algorithm for every shape that it supports,
// else as kDeterministic. kDeterministic: the one that cuDNN expects to be the quickest of those
// whose sums keep their order: the same bits again. kAny: of all.
enum class ConvAlgorithms { kFixed, kDeterministic, kAny };

struct ContextOptions {
  Device device;
  int threads = 1;  // OpenMP threads of this context, at least 1
  Precision precision = Precision::kFloat32;
  // For tests: fresh memory is filled with NaN, so that they see what was not written, and has not
  // a byte more than was asked for, so that a sanitizer or a fake GPU sees who goes beyond.
  bool poison = false;
  ConvAlgorithms conv_algorithms = ConvAlgorithms::kFixed;
  std::shared_ptr<Profile> profile =
      nullptr;  // where given, every primitive is timed; all of a run or none
};

struct PoolStats {
  int64_t system_allocations = 0;  // since the context began; constant once a step repeats
  int64_t bytes_held = 0;          // taken from the system, in use or kept for reuse
  int64_t bytes_in_use = 0;
  int64_t peak_bytes_in_use = 0;
};

class Context {
 public:
  explicit Context(const ContextOptions& options = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Backend& backend() const { return *backend_; }
  Device device() const { return options_.device; }
  int threads() const { return options_.threads; }
  Precision precision() const { return options_.precision; }
  Profile* profile() const { return options_.profile.get(); }  // nullptr: none

  // Memory from the pool, aligned to 64 bytes; goes back to the pool with the last reference.
  std::shared_ptr<void> allocate(size_t bytes);
  PoolStats pool_stats() const;

 private:
  class Pool;
  ContextOptions options_;
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<Pool> pool_;
};

}  // namespace fedcamae
