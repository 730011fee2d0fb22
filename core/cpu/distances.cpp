// Distances between vectors: a piece of all of them at a time, so that memory is read once and the
// pairs come from the cache.
#include <algorithm>
#include <limits>
#include <vector>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {
namespace {

constexpr int64_t kPiece = 1 << 13;     // numbers that are summed before the pieces are added
constexpr int64_t kBlock = 8;           // vectors: two blocks' pieces fill half an L2 cache
constexpr int64_t kPartials = 1 << 21;  // sums of pairs that wait to be added, 16 MiB

// Pairs (i, j), i in one block of vectors and j in another or the same.
struct Tile {
  int64_t i, j;
};
std::vector<Tile> tiles_of(int64_t vectors) {
  std::vector<Tile> tiles;
  for (int64_t i = 0; i < vectors; i += kBlock)
    for (int64_t j = i; j < vectors; j += kBlock) tiles.push_back({i, j});
  return tiles;
}

// sums [n, n], above the diagonal: those of the tile's pairs over the range.
void sum_tile(const std::vector<const float*>& vectors, Tile tile, Range range, double* sums) {
  const auto n = static_cast<int64_t>(vectors.size());
  const float* others[kBlock];
  for (int64_t i = tile.i; i < std::min(tile.i + kBlock, n); ++i) {
    const int64_t first = std::max(tile.j, i + 1), last = std::min(tile.j + kBlock, n);
    for (int64_t j = first; j < last; ++j)
      others[j - first] = vectors[static_cast<size_t>(j)] + range.begin;
    if (first < last)
      cpu_kernels().squared_distances(vectors[static_cast<size_t>(i)] + range.begin, others,
                                      last - first, range.end - range.begin, sums + i * n + first);
  }
}

}  // namespace

double CpuBackend::squared_distance(ConstView a, ConstView b) {
  const int64_t pieces = pieces_of(a.size(), kPiece);
  double* sums = scratch_of<double>(Slot::kSums, pieces);
  in_ranges(threads_, pieces, a.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Range range = piece_at(a.size(), kPiece, i);
      const float* other = b.data + range.begin;
      cpu_kernels().squared_distances(a.data + range.begin, &other, 1, range.end - range.begin,
                                      sums + i);
    }
  });
  double total = 0;
  for (int64_t i = 0; i < pieces; ++i) total += sums[i];
  return total;
}

void CpuBackend::pairwise_squared_distances(std::span<const ConstView> vectors,
                                            std::span<double> table) {
  const auto n = static_cast<int64_t>(vectors.size());
  if (n == 0) return;
  std::fill(table.begin(), table.end(), 0.0);
  std::vector<const float*> data;
  for (const ConstView& vector : vectors) data.push_back(vector.data);
  const std::vector<Tile> tiles = tiles_of(n);
  const auto tile_count = static_cast<int64_t>(tiles.size());
  const int64_t count = vectors[0].size(), pieces = pieces_of(count, kPiece);
  const int64_t at_once = std::clamp<int64_t>(kPartials / (n * n), 1, std::max<int64_t>(pieces, 1));
  double* sums = scratch_of<double>(Slot::kSums, at_once * n * n);
  for (int64_t piece = 0; piece < pieces; piece += at_once) {
    const int64_t some = std::min(at_once, pieces - piece);
    in_ranges(threads_, some * tile_count, some * kPiece * n, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        sum_tile(data, tiles[static_cast<size_t>(k % tile_count)],
                 piece_at(count, kPiece, piece + k / tile_count), sums + k / tile_count * n * n);
    });
    for (int64_t p = 0; p < some; ++p)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = i + 1; j < n; ++j)
          table[static_cast<size_t>(i * n + j)] += sums[(p * n + i) * n + j];
  }
  std::vector<bool> finite;
  for (const ConstView& vector : vectors) finite.push_back(all_finite(vector));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j) {
      double& above = table[static_cast<size_t>(i * n + j)];
      if (!finite[static_cast<size_t>(i)] || !finite[static_cast<size_t>(j)])
        above = std::numeric_limits<double>::quiet_NaN();
      table[static_cast<size_t>(j * n + i)] = above;
    }
}

}  // namespace fedcamae::cpu
