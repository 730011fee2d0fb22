// Loops over the threads of a context. What a loop computes never depends on how it was split.
#pragma once

#include "core/cpu/gemm_parallel.h"

namespace fedcamae::cpu {

// Numbers below which a second thread costs more than it brings.
constexpr int64_t kWorthAThread = 1 << 14;
inline int worthwhile(int threads, int64_t numbers) {
  return static_cast<int>(std::clamp<int64_t>(numbers / kWorthAThread, 1, threads));
}

// fn(begin, end) over parts of [0, count); `numbers`: how many are read or written in all.
template <class Fn>
void in_ranges(int threads, int64_t count, int64_t numbers, const Fn& fn) {
  const int parts = worthwhile(threads, numbers);
  in_parts(parts, [&](int part) {
    const Range mine = share(count, part, parts);
    if (mine.begin < mine.end) fn(mine.begin, mine.end);
  });
}
// The same over the numbers of a vector.
template <class Fn>
void in_ranges(int threads, int64_t count, const Fn& fn) {
  in_ranges(threads, count, count, fn);
}

// Sums are made of pieces of fixed size, whatever the number of threads.
inline int64_t pieces_of(int64_t count, int64_t piece) { return (count + piece - 1) / piece; }
inline Range piece_at(int64_t count, int64_t piece, int64_t index) {
  return {index * piece, std::min((index + 1) * piece, count)};
}

}  // namespace fedcamae::cpu
