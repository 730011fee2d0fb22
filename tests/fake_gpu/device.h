// What the fake runtime, cuBLAS and cuDNN share: the memory, the streams and the faults of one GPU.
//
// Every piece of queued work has a number. A clock says for each stream up to which number its work
// happened before: it is at once what must run first and what the work may rely on. Each word of
// device memory remembers who wrote and who read it last; meeting a number beyond the clock means
// that nothing orders the two.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace fake_gpu {

using Address = uint64_t;           // of device memory, as kernels and host code see it
using WorkId = uint32_t;            // counts from 1; 0 is no work
using Clock = std::vector<WorkId>;  // by stream slot

// The work that runs breaks a rule of the device; everything asked for later fails.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A call that the library refuses at once; the device stays usable. The code is a cudaError_t,
// cublasStatus_t or cudnnStatus_t.
struct Misuse : std::runtime_error {
  Misuse(int error, const std::string& text) : std::runtime_error(text), code(error) {}
  int code;
};

enum class Use { kRead, kWrite };

// Addresses lie in a reservation that nobody may touch, their bytes in a second mapping. Addresses
// are never used twice; fresh memory is 0xff, which reads as NaN.
class Memory {
 public:
  Memory();

  // The new address, or 0 where FAKE_GPU_MEMORY bytes would be exceeded.
  Address allocate(size_t bytes);
  // Throws Fault unless `address` is what allocate gave and release has not seen.
  void release(Address address);

  // Whether the pointer lies where device memory lies, allocated or not.
  bool owns(const void* pointer) const {
    return reinterpret_cast<Address>(pointer) - base_ < kReserve;
  }
  // The bytes behind [address, address + count) for the work that runs. Throws Fault where they
  // are not all in one live allocation, or where unordered work of another stream uses them.
  std::byte* access(Address address, size_t count, Use use) {
    std::byte* bytes = find(address, count, use);
    for (size_t word = (address - base_) / 4; word <= (address - base_ + count - 1) / 4; ++word) {
      if (use == Use::kWrite) {
        if (!before(writers_[word])) clash(address, use, writers_[word], Use::kWrite);
        if (!before(readers_[word])) clash(address, use, readers_[word], Use::kRead);
        writers_[word] = running_;
      } else {
        if (!before(writers_[word])) clash(address, use, writers_[word], Use::kWrite);
        readers_[word] = running_;
      }
    }
    return bytes;
  }
  // The same without asking for the order: for checks when a call is made. count > 0.
  std::byte* find(Address address, size_t count, Use use) {
    const size_t offset = address - base_;
    if (offset < kReserve) [[likely]] {
      const Block& block = blocks_[block_of_[offset / kPage]];
      const size_t within = offset - block.offset;
      if (within < block.bytes && count <= block.bytes - within) [[likely]]
        return bytes_ + offset;
    }
    refuse(address, count, use);
  }
  // "12 bytes past the end of the allocation of 400 bytes at 0x...", and the like.
  std::string describe(Address address) const;

  // From here on accesses are those of work `id`, which `clock` precedes.
  WorkId add_work(uint16_t slot, const char* name);
  void start_work(WorkId id, const Clock* clock);
  uint16_t slot_of(WorkId id) const { return past_[id].slot; }

  size_t total() const { return total_; }
  size_t used() const { return used_; }

 private:
  static constexpr size_t kReserve = size_t{256} << 30;
  static constexpr size_t kPage = 4096;  // no two allocations share one

  struct Block {
    size_t offset = 0;
    size_t bytes = 0;  // 0 once freed
    size_t was = 0;    // what was asked for
  };
  struct Past {
    uint16_t slot;
    const char* name;
  };

  bool before(WorkId id) const {
    if (id == running_ || id == 0) return true;
    const uint16_t slot = past_[id].slot;
    return slot < clock_->size() && (*clock_)[slot] >= id;
  }
  [[noreturn]] void refuse(Address address, size_t count, Use use) const;
  [[noreturn]] void clash(Address address, Use use, WorkId other, Use others) const;

  Address base_;
  std::byte* bytes_;
  WorkId* writers_;     // by word of four bytes
  WorkId* readers_;     // the last one only
  uint32_t* block_of_;  // by page; block 0 has no bytes
  std::vector<Block> blocks_{Block{}};
  std::vector<Past> past_{Past{}};
  size_t next_ = kPage;
  size_t total_;
  size_t used_ = 0;
  WorkId running_ = 0;
  const Clock* clock_ = nullptr;
};

struct Work {
  WorkId id;
  const char* name;
  Clock before;
  std::function<void()> run;
};

struct Stream {
  uint16_t slot = 0;
  bool blocking = false;  // takes turns with the default stream
  Clock clock;            // what its next work comes after
  WorkId done = 0;
  std::deque<Work> queue;
};

struct Event {
  Clock clock;  // empty: never recorded
  std::shared_ptr<double> seconds;
};

// The one device. Everything but the mutex is to be used with it held.
class Device {
 public:
  static Device& get();
  static Device* existing();  // null before the first call

  std::recursive_mutex mutex;
  Memory memory;
  // Page-locked host memory that was freed; it stays taken, so that a late use dies.
  std::vector<std::span<const std::byte>> freed_pinned;

  cudaStream_t create_stream(bool blocking);
  void destroy_stream(cudaStream_t handle);
  Stream& stream(cudaStream_t handle);

  // `name` must live on.
  void enqueue(cudaStream_t handle, const char* name, std::function<void()> run);
  // Runs what the clock names, and what that needs; everything else stays behind.
  void wait(const Clock& clock);
  void wait(cudaStream_t handle) { wait(stream(handle).clock); }
  void wait_all();
  bool finished(const Clock& clock) const;
  void record(Event& event, cudaStream_t handle);
  // What the stream does next comes after all that the clock names.
  void follow(cudaStream_t handle, const Clock& clock);

  bool reversed() const { return order_ == Order::kReversed; }

  // cudaSuccess, or the error of the fault that was met.
  cudaError_t error() const { return error_; }
  // Prints the fault, once, and drops all queued work.
  void fault(const char* where, const std::string& text, cudaError_t error);

 private:
  enum class Order { kLazy, kReversed, kEager };
  Device();
  void run(Stream& stream, WorkId until);
  void run_one(Work work);

  std::map<cudaStream_t, std::unique_ptr<Stream>> streams_;
  std::vector<Stream*> slots_;
  Clock host_;       // what the host has waited for
  Clock destroyed_;  // what streams had done that are no more
  Order order_ = Order::kLazy;
  bool trace_ = false;
  cudaError_t error_ = cudaSuccess;
};

// "fake_gpu: ..." on stderr, one line.
void print(const std::string& text);

// The exit status of a program that met a fault and did not fail by itself.
constexpr int kFaultExit = 86;

// Of the calling thread, until cudaGetLastError.
cudaError_t& last_error();

// The frame of every faked call: holds the device, prints what is refused. `body` returns a status
// or nothing; `dead` is returned once a fault has been met.
template <class Status, class Body>
Status call(const char* name, Status dead, const Body& body) {
  Device& device = Device::get();
  const std::lock_guard lock(device.mutex);
  if (device.error() != cudaSuccess) return dead;
  Status status{};
  try {
    if constexpr (std::is_void_v<decltype(body(device))>) {
      body(device);
    } else {
      status = body(device);
    }
  } catch (const Misuse& misuse) {
    print(std::string(name) + ": " + misuse.what());
    status = static_cast<Status>(misuse.code);
  } catch (const Fault& fault) {
    device.fault(name, fault.what(), cudaErrorIllegalAddress);
  }
  return device.error() != cudaSuccess ? dead : status;
}

// Of the runtime.
template <class Body>
cudaError_t call(const char* name, const Body& body) {
  const cudaError_t error = call(name, cudaErrorUnknown, body);
  if (Device::get().error() != cudaSuccess) return Device::get().error();
  if (error != cudaSuccess) last_error() = error;
  return error;
}

}  // namespace fake_gpu
