// Bytes between the host and the device, by way of page-locked buffers: a ring that is filled while
// earlier buffers are still being copied. It grows to what is asked for and no further than
// kBuffers * kLargest.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>

#include "core/cuda/check.h"

namespace fedcamae::cuda {

class Transfers {
 public:
  static constexpr size_t kBuffers = 8;
  static constexpr size_t kLargest = size_t{32} << 20;  // longer copies go in pieces

  explicit Transfers(int device);

  // Queues the copy on `stream`. The host's bytes have been read when it returns; it waits only
  // where the ring is full.
  void to_device(cudaStream_t stream, void* to, const void* host, size_t bytes);
  // Queues the copy on `stream` and waits for it.
  void to_host(cudaStream_t stream, const void* from, void* host, size_t bytes);

 private:
  struct FreePinned {
    void operator()(void* block) const noexcept { (void)cudaFreeHost(block); }
  };
  struct Buffer {
    std::unique_ptr<void, FreePinned> bytes;
    size_t size = 0;
    Event done;  // of its last copy
  };
  // The next buffer of the ring, of at least `bytes`, no longer in use.
  Buffer& next(size_t bytes);
  void wait(const Buffer& buffer);

  int device_;
  std::mutex mutex_;
  std::array<Buffer, kBuffers> ring_;
  size_t next_ = 0;
};

}  // namespace fedcamae::cuda
