#include "tests/fake_gpu/ptx_race.h"

#include <algorithm>

namespace fake_gpu::ptx {

void Mark::join(const Mark& now) {
  const bool same_moment = block == now.block && thread == now.thread && barriers == now.barriers &&
                           warp_syncs == now.warp_syncs;
  Mark made = now;
  if (!before(now)) {
    const Who reach = block != now.block               ? kGrid
                      : thread / 32 != now.thread / 32 ? kBlock
                      : thread != now.thread           ? kWarp
                                                       : kThread;
    made.who = std::max<uint32_t>(who, reach);
  }
  if (who != kNobody && (same_moment || !before(now))) made.strong = strong & now.strong;
  *this = made;
}

const Mark* Cell::check(const Mark& now, bool write) {
  const auto races = [&](const Mark& past) {
    return !past.before(now) && !(past.strong && now.strong);
  };
  if (races(writer)) return &writer;
  if (write && races(reader)) return &reader;
  (write ? writer : reader).join(now);
  return nullptr;
}

void Page::clear(size_t bytes) {
  granule_ = 4;
  cells_.assign((bytes + 3) / 4, Cell{});
}

void Page::refine(size_t granule) {
  std::vector<Cell> fine(cells_.size() * granule_ / granule);
  for (size_t i = 0; i < fine.size(); ++i) fine[i] = cells_[i * granule / granule_];
  cells_ = std::move(fine);
  granule_ = granule;
}

const Mark* Page::check(size_t offset, size_t bytes, const Mark& now, bool write) {
  if (bytes < granule_) [[unlikely]]
    refine(bytes);
  const size_t end = (offset + bytes) / granule_;
  for (size_t i = offset / granule_; i < end; ++i)
    if (const Mark* clash = cells_[i].check(now, write)) return clash;
  return nullptr;
}

void Shadow::clear() {
  used_ = 0;
  pages_.clear();
  std::fill(recent_.begin(), recent_.end(), Slot{});
}

Page& Shadow::page(uint64_t number) {
  Page*& found = pages_[number];
  if (!found) {
    if (used_ == all_.size()) all_.push_back(std::make_unique<Page>());
    found = all_[used_++].get();
    found->clear(kPage);
  }
  return *found;
}

}  // namespace fake_gpu::ptx
