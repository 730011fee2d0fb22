#include "core/cuda/memory.h"

#include <algorithm>
#include <bit>

#include "core/cuda/check.h"

namespace fedcamae::cuda {
namespace {

double mebibytes(size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

// Buffers grow by at least an eighth of a power of two, so that shapes that vary a little do not
// make them grow again and again.
size_t rounded_up(size_t bytes) {
  constexpr size_t kLeast = size_t{64} << 10;
  const size_t step = std::bit_ceil(std::max(bytes, kLeast)) / 16;
  return (std::max(bytes, kLeast) + step - 1) / step * step;
}

}  // namespace

void* Memory::allocate(size_t bytes, const std::function<void()>& relieve) {
  void* block = nullptr;
  cudaError_t status = cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    relieve();
    status = cudaMalloc(&block, bytes);
  }
  if (status == cudaErrorMemoryAllocation) out_of_memory(bytes);
  require(status, "cudaMalloc",
          [&] { return fmt::format("[memory] {:.1f} MiB on cuda:{}", mebibytes(bytes), device_); });
  held_ += bytes;
  return block;
}

void Memory::release(void* block, size_t bytes) noexcept {
  if (block == nullptr) return;
  (void)cudaStreamSynchronize(stream_);
  (void)cudaFree(block);
  held_ -= bytes;
}

void* Memory::scratch(size_t bytes, const std::function<void()>& relieve) {
  if (bytes > scratch_bytes_) {
    release(scratch_, scratch_bytes_);
    scratch_ = nullptr;
    scratch_bytes_ = 0;
    const size_t size = exact_ ? bytes : rounded_up(bytes);
    scratch_ = allocate(size, relieve);
    scratch_bytes_ = size;
  }
  return scratch_;
}

void Memory::out_of_memory(size_t bytes) const {
  (void)cudaGetLastError();
  size_t available = 0, total = 0;
  require(cudaMemGetInfo(&available, &total), "cudaMemGetInfo", device_);
  fail(ErrorKind::kDevice,
       "[memory] cuda:{} has no {:.1f} MiB more: {:.1f} MiB of {:.1f} MiB are free, this context "
       "holds {:.1f} MiB; use a smaller batch, a smaller model or fewer workers",
       device_, mebibytes(bytes), mebibytes(available), mebibytes(total), mebibytes(held_));
}

}  // namespace fedcamae::cuda
