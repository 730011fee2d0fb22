#include "core/cuda/transfers.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace fedcamae::cuda {

Transfers::Transfers(int device) : device_(device) {
  for (Buffer& buffer : ring_) buffer.done = make_event(device);
}

void Transfers::wait(const Buffer& buffer) {
  require(cudaEventSynchronize(buffer.done.get()), "cudaEventSynchronize", device_);
}

Transfers::Buffer& Transfers::next(size_t bytes) {
  constexpr size_t kLeast = 4096;
  Buffer& buffer = ring_[next_];
  next_ = (next_ + 1) % kBuffers;
  wait(buffer);
  if (buffer.size < bytes) {
    const size_t size = std::bit_ceil(std::max(bytes, kLeast));
    buffer.bytes.reset();
    buffer.size = 0;
    void* made = nullptr;
    require(cudaMallocHost(&made, size), "cudaMallocHost", [&] {
      return fmt::format("[copy] {} bytes of page-locked host memory for cuda:{}", size, device_);
    });
    buffer.bytes.reset(made);
    buffer.size = size;
  }
  return buffer;
}

void Transfers::to_device(cudaStream_t stream, void* to, const void* host, size_t bytes) {
  const std::lock_guard lock(mutex_);
  for (size_t at = 0; at < bytes; at += kLargest) {
    const size_t piece = std::min(bytes - at, kLargest);
    Buffer& buffer = next(piece);
    std::memcpy(buffer.bytes.get(), static_cast<const std::byte*>(host) + at, piece);
    require(cudaMemcpyAsync(static_cast<std::byte*>(to) + at, buffer.bytes.get(), piece,
                            cudaMemcpyHostToDevice, stream),
            "cudaMemcpyAsync", [&] {
              return fmt::format("[copy] {} bytes from the host to cuda:{}", piece, device_);
            });
    require(cudaEventRecord(buffer.done.get(), stream), "cudaEventRecord", device_);
  }
}

void Transfers::to_host(cudaStream_t stream, const void* from, void* host, size_t bytes) {
  const std::lock_guard lock(mutex_);
  // While one piece is on its way, the host takes the one before out of its buffer.
  const Buffer* coming = nullptr;
  size_t coming_at = 0, coming_bytes = 0;
  const auto take = [&] {
    if (coming == nullptr) return;
    wait(*coming);
    std::memcpy(static_cast<std::byte*>(host) + coming_at, coming->bytes.get(), coming_bytes);
  };
  for (size_t at = 0; at < bytes; at += kLargest) {
    const size_t piece = std::min(bytes - at, kLargest);
    Buffer& buffer = next(piece);
    require(cudaMemcpyAsync(buffer.bytes.get(), static_cast<const std::byte*>(from) + at, piece,
                            cudaMemcpyDeviceToHost, stream),
            "cudaMemcpyAsync", [&] {
              return fmt::format("[copy] {} bytes from cuda:{} to the host", piece, device_);
            });
    require(cudaEventRecord(buffer.done.get(), stream), "cudaEventRecord", device_);
    take();
    coming = &buffer;
    coming_at = at;
    coming_bytes = piece;
  }
  take();
}

}  // namespace fedcamae::cuda
