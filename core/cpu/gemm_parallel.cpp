#include "core/cpu/gemm_parallel.h"

#include <array>
#include <memory>
#include <new>

namespace fedcamae::cpu {
namespace {

constexpr std::align_val_t kAlignment{64};

struct Free {
  void operator()(void* block) const { ::operator delete(block, kAlignment); }
};
struct Buffer {
  std::unique_ptr<void, Free> block;
  size_t bytes = 0;
};

}  // namespace

void* scratch(Slot slot, size_t bytes) {
  thread_local std::array<Buffer, static_cast<size_t>(Slot::kCount)> buffers;
  Buffer& buffer = buffers[static_cast<size_t>(slot)];
  if (buffer.bytes < bytes) {
    buffer.block.reset();
    buffer.bytes = 0;
    buffer.block.reset(::operator new(bytes, kAlignment));
    buffer.bytes = bytes;
  }
  return buffer.block.get();
}

}  // namespace fedcamae::cpu
