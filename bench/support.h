// What the kernel benchmarks share.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "core/cpu/kernels.h"
#include "core/random.h"

namespace fedcamae::bench {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Multiply-adds in FLOP/s of `threads` threads together, the best of many short tries.
// multiply_adds(repeats, sink) returns how many it did.
template <class MultiplyAdds>
double measure_peak(int threads, const MultiplyAdds& multiply_adds) {
  double best = 0;
  for (int attempt = 0; attempt < 50; ++attempt) {
    int64_t done = 0;
    const double begin = seconds_now();
#pragma omp parallel num_threads(threads) reduction(+ : done)
    {
      float sink[16] = {};
      done += 2 * multiply_adds(200'000, sink);
      benchmark::DoNotOptimize(sink[0]);
    }
    best = std::max(best, static_cast<double>(done) / (seconds_now() - begin));
  }
  return best;
}
inline double measure_peak(int threads) { return measure_peak(threads, cpu::cpu_kernels().peak); }

// Random numbers, aligned as tensors are.
class Numbers {
 public:
  explicit Numbers(int64_t count)
      : data_(static_cast<float*>(
            ::operator new (static_cast<size_t>(count) * sizeof(float), std::align_val_t{64}))) {
    Random random({.seed = 1, .purpose = Purpose::kTest});
    for (int64_t i = 0; i < count; ++i) data_[i] = static_cast<float>(random.uniform(-1, 1));
  }
  ~Numbers() { ::operator delete (data_, std::align_val_t{64}); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  float* data() const { return data_; }

 private:
  float* data_;
};

// Takes "--name=value" out of the arguments.
inline int64_t take(int& argc, char** argv, std::string_view name, int64_t value) {
  const std::string prefix = "--" + std::string(name) + "=";
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]).starts_with(prefix)) {
      value = std::atoll(argv[i] + prefix.size());
      std::rotate(argv + i, argv + i + 1, argv + argc);
      --argc;
    }
  return value;
}

}  // namespace fedcamae::bench
