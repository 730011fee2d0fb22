// Who used which word last: the shadow of a memory, for finding data races.
//
// Two accesses of one word are a race where nothing orders them, one of them writes, and not both
// are strong (atomic, volatile). A barrier of the block orders its threads, __syncwarp() those of
// a warp, nothing those of different blocks of one launch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "tests/fake_gpu/ptx_code.h"

namespace fake_gpu::ptx {

struct Mark {
  enum Who : uint32_t { kNobody, kThread, kWarp, kBlock, kGrid };  // one of ..., or several
  uint32_t block = 0;
  uint32_t thread : 10 = 0;
  uint32_t who : 3 = kNobody;
  uint32_t strong : 1 = 0;
  uint32_t location : 18 = 0;
  uint32_t barriers = 0;    // of the block, so far
  uint32_t warp_syncs = 0;  // of the warp, so far

  bool before(const Mark& now) const {
    if (who == kNobody) return true;
    if (who == kGrid || block != now.block) return false;
    if (barriers < now.barriers) return true;
    if (who == kThread && thread == now.thread) return true;
    return who <= kWarp && thread / 32 == now.thread / 32 && warp_syncs < now.warp_syncs;
  }
  // Becomes `now`; what `now` does not come after stays known by a wider `who`.
  void join(const Mark& now);
};

struct Cell {
  Mark writer, reader;
  // Null, or what the access of `now` races with.
  const Mark* check(const Mark& now, bool write);
};

// Cells of 4 bytes, finer where smaller accesses came: halves of a word may have two owners.
class Page {
 public:
  void clear(size_t bytes);
  const Mark* check(size_t offset, size_t bytes, const Mark& now, bool write);

 private:
  void refine(size_t granule);
  size_t granule_ = 4;
  std::vector<Cell> cells_;
};

// Of global memory, for one launch.
class Shadow {
 public:
  void clear();
  const Mark* check(uint64_t address, size_t bytes, const Mark& now, bool write) {
    Slot& slot = recent_[address / kPage % kRecent];
    if (slot.number != address / kPage) [[unlikely]]
      slot = {address / kPage, &page(address / kPage)};
    return slot.page->check(address % kPage, bytes, now, write);
  }

 private:
  static constexpr size_t kPage = 4096, kRecent = 256;
  struct Slot {
    uint64_t number = ~uint64_t{0};
    Page* page = nullptr;
  };
  Page& page(uint64_t number);

  std::vector<Slot> recent_{kRecent};
  std::unordered_map<uint64_t, Page*> pages_;
  std::vector<std::unique_ptr<Page>> all_;
  size_t used_ = 0;  // of all_
};

}  // namespace fake_gpu::ptx
