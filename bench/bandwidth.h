// How quickly the threads of this machine read memory.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace fedcamae::bench {

// Bytes a second of `threads` threads that each read a part of 512 MiB, the best of many tries.
inline double measure_read_bandwidth(int threads) {
  std::vector<uint64_t> words((512 << 20) / sizeof(uint64_t), 1);
  const auto count = static_cast<int64_t>(words.size());
  double best = 0;
  uint64_t total = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto begin = std::chrono::steady_clock::now();
#pragma omp parallel for num_threads(threads) reduction(+ : total)
    for (int64_t i = 0; i < count; ++i) total += words[static_cast<size_t>(i)];
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(count) * sizeof(uint64_t) / seconds.count());
  }
  volatile uint64_t used = total;  // or the loop would go
  (void)used;
  return best;
}

}  // namespace fedcamae::bench
