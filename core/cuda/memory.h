// Device memory of one context: blocks for its pool, and the scratch of its stream.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <functional>

namespace fedcamae::cuda {

class Memory {
 public:
  // exact: scratch has no byte more than was asked for.
  Memory(int device, cudaStream_t stream, bool exact = false)
      : device_(device), stream_(stream), exact_(exact) {}
  ~Memory() { release(scratch_, scratch_bytes_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Where there is none left, calls relieve() and tries once more.
  void* allocate(size_t bytes, const std::function<void()>& relieve);
  // Waits for the stream, which may still use the block.
  void release(void* block, size_t bytes) noexcept;
  // The same bytes for every caller; a larger buffer takes the place of the old one when the stream
  // is done with that.
  void* scratch(size_t bytes, const std::function<void()>& relieve);

 private:
  [[noreturn]] void out_of_memory(size_t bytes) const;

  int device_;
  cudaStream_t stream_;
  bool exact_;
  std::atomic<size_t> held_ = 0;
  void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

}  // namespace fedcamae::cuda
