#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/fake_gpu/device.h"

namespace fake_gpu {
namespace {

constexpr size_t kDefaultTotal = size_t{8} << 30;
constexpr size_t kAlignment = 256;  // what cudaMalloc promises, and no more

void* map(size_t bytes, int protection) {
  void* made = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED) {
    print(fmt::format("cannot reserve {} GiB of address space", bytes >> 30));
    std::abort();
  }
  return made;
}

const char* verb(Use use) { return use == Use::kRead ? "reads" : "writes"; }

}  // namespace

Memory::Memory() {
  base_ = reinterpret_cast<Address>(map(kReserve, PROT_NONE));
  const int usable = PROT_READ | PROT_WRITE;
  bytes_ = static_cast<std::byte*>(map(kReserve, usable));
  writers_ = static_cast<WorkId*>(map(kReserve / 4 * sizeof(WorkId), usable));
  readers_ = static_cast<WorkId*>(map(kReserve / 4 * sizeof(WorkId), usable));
  block_of_ = static_cast<uint32_t*>(map(kReserve / kPage * sizeof(uint32_t), usable));
  const char* asked = std::getenv("FAKE_GPU_MEMORY");
  total_ = asked ? std::strtoull(asked, nullptr, 0) : kDefaultTotal;
}

Address Memory::allocate(size_t bytes) {
  const size_t pages = (kAlignment + bytes + kPage - 1) / kPage;
  if (bytes > total_ - used_ || pages * kPage > kReserve - next_) return 0;
  const size_t offset = next_ + kAlignment;
  std::fill_n(block_of_ + next_ / kPage, pages, static_cast<uint32_t>(blocks_.size()));
  blocks_.push_back({offset, bytes, bytes});
  std::memset(bytes_ + offset, 0xff, bytes);
  next_ += pages * kPage;
  used_ += bytes;
  return base_ + offset;
}

void Memory::release(Address address) {
  const size_t offset = address - base_;
  Block& block = blocks_[offset < kReserve ? block_of_[offset / kPage] : 0];
  if (block.was == 0 || block.offset != offset || block.bytes == 0)
    throw Fault(fmt::format("frees {:#x}: {}", address, describe(address)));
  used_ -= block.bytes;
  block.bytes = 0;
  // Gives the pages back to the system; the addresses stay taken.
  const size_t first = (block.offset - kAlignment);
  const size_t size = (kAlignment + block.was + kPage - 1) / kPage * kPage;
  madvise(bytes_ + first, size, MADV_DONTNEED);
  madvise(writers_ + first / 4, size, MADV_DONTNEED);
  madvise(readers_ + first / 4, size, MADV_DONTNEED);
}

std::string Memory::describe(Address address) const {
  const size_t offset = address - base_;
  if (offset >= kReserve) return address == 0 ? "a null pointer" : "not device memory";
  const Block& block = blocks_[block_of_[offset / kPage]];
  if (block.was == 0) return "device memory that was never allocated";
  const std::string whole = fmt::format("of {} bytes at {:#x}", block.was, base_ + block.offset);
  if (block.bytes == 0) return "freed, once an allocation " + whole;
  if (offset < block.offset)
    return fmt::format("{} bytes before the allocation {}", block.offset - offset, whole);
  if (offset - block.offset >= block.bytes)
    return fmt::format("{} bytes past the end of the allocation {}",
                       offset - block.offset - block.bytes, whole);
  return fmt::format("at byte {} of the allocation {}", offset - block.offset, whole);
}

WorkId Memory::add_work(uint16_t slot, const char* name) {
  past_.push_back({slot, name});
  return static_cast<WorkId>(past_.size() - 1);
}

void Memory::start_work(WorkId id, const Clock* clock) {
  running_ = id;
  clock_ = clock;
}

void Memory::refuse(Address address, size_t count, Use use) const {
  throw Fault(
      fmt::format("{} {} bytes at {:#x}: {}", verb(use), count, address, describe(address)));
}

void Memory::clash(Address address, Use use, WorkId other, Use others) const {
  throw Fault(
      fmt::format("{} {:#x} ({}), which {} on another stream {}; no event or "
                  "synchronisation orders the two",
                  verb(use), address, describe(address), past_[other].name, verb(others)));
}

}  // namespace fake_gpu
