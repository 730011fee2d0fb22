// How the matrix kernels use threads and scratch memory.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/cpu/simd/table.h"

namespace fedcamae::cpu {

// fn(part) for every part of [0, threads), each on its own thread where there are enough. The
// parts are fixed by `threads` alone.
template <class Fn>
void in_parts(int threads, const Fn& fn) {
  if (threads <= 1) return fn(0);
#pragma omp parallel num_threads(threads)
  for (int part = omp_get_thread_num(); part < threads; part += omp_get_num_threads()) fn(part);
}

struct Range {
  int64_t begin = 0;
  int64_t end = 0;
};
inline Range share(int64_t count, int64_t part, int64_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

// Threads as a grid over panels (columns) and row tiles, the one that ends first when preparing a
// panel costs as much as `panel_cost` tiles.
struct Grid {
  int columns = 1;
  int rows = 1;
};
inline Grid choose_grid(int threads, int64_t panels, int64_t tiles, double panel_cost) {
  Grid best;
  double best_time = 0;
  for (int columns = 1; columns <= threads; ++columns) {
    if (threads % columns != 0) continue;
    const int rows = threads / columns;
    const auto slices = [](int64_t n, int64_t parts) { return (n + parts - 1) / parts; };
    const double time = static_cast<double>(slices(panels, columns)) *
                        (static_cast<double>(slices(tiles, rows)) + panel_cost);
    if (columns == 1 || time < best_time) {
      best = {columns, rows};
      best_time = time;
    }
  }
  return best;
}

// run(rows, panels) for every thread that has a part of both: rows of C in whole tiles, and panels
// of its columns.
template <class Run>
void share_product(int threads, int64_t row_count, int64_t panel_count, const Run& run) {
  const int64_t tiles = (row_count + kTileRows - 1) / kTileRows;
  const Grid grid = choose_grid(threads, panel_count, tiles, 1.5);
  in_parts(threads, [&](int part) {
    const Range mine = share(tiles, part / grid.columns, grid.rows);
    const Range rows{mine.begin * kTileRows, std::min(mine.end * kTileRows, row_count)};
    const Range panels = share(panel_count, part % grid.columns, grid.columns);
    if (rows.begin < rows.end && panels.begin < panels.end) run(rows, panels);
  });
}

// Steps of a reduction between two visits of a tile of C: so long a panel stays in the L1 cache.
constexpr int64_t kDepth = 128;
// Rows that take all blocks of a reduction before the next ones do: their part of C stays near.
constexpr int64_t kRowsAtOnce = 32 * kTileRows;

// Scratch of the calling thread, aligned to 64 bytes. Each slot grows to the largest request and
// is kept until the thread ends; its content lives until the slot is asked for again.
enum class Slot {
  kPanel,
  kTiles,
  kImage,
  kEvenA,
  kEvenB,
  kPixels,
  kOffsetsA,
  kOffsetsB,
  kRuns,
  kSums,
  kChannels,
  kCount
};
void* scratch(Slot slot, size_t bytes);
inline float* scratch_floats(Slot slot, int64_t count) {
  return static_cast<float*>(scratch(slot, static_cast<size_t>(count) * sizeof(float)));
}
template <class T>
T* scratch_of(Slot slot, int64_t count) {
  return static_cast<T*>(scratch(slot, static_cast<size_t>(count) * sizeof(T)));
}
inline int64_t* scratch_offsets(Slot slot, int64_t count) {
  return static_cast<int64_t*>(scratch(slot, static_cast<size_t>(count) * sizeof(int64_t)));
}

}  // namespace fedcamae::cpu
