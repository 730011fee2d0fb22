// Where a benchmark runs, and what memory it took there.
#pragma once

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "core/backend.h"
#include "core/context.h"
#include "core/precision.h"

namespace fedcamae::bench {

// --device, --precision and --threads.
struct Machine {
  std::string device = "cpu";
  std::string precision = "f32";
  int threads = 2;

  void add_to(CLI::App& app) {
    app.add_option("--device", device, "cpu | cuda | cuda:N")->capture_default_str();
    app.add_option("--precision", precision, "f32 | tf32 | bf16")
        ->check(CLI::IsMember({"f32", "tf32", "bf16"}))
        ->capture_default_str();
    app.add_option("--threads", threads, "threads, of the CPU")->capture_default_str();
  }
  ContextOptions options() const {
    return {.device = parse_device(device),
            .threads = threads,
            .precision = parse_precision(precision)};
  }
  // "2 threads, cpu (avx512), f32"
  std::string describe(const Context& context) const {
    const std::string name = context.backend().name() + ", " + precision;
    return context.device().type == DeviceType::kCpu ? fmt::format("{} threads, {}", threads, name)
                                                     : name;
  }
};

// Of this process, MiB.
inline double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}
// Tensors of this context at their most, MiB; without what cuDNN and cuBLAS keep for themselves.
inline double peak_pool_mib(const Context& context) {
  return static_cast<double>(context.pool_stats().peak_bytes_in_use) / (1 << 20);
}

// Seconds of work(), with the device idle before and after.
template <class Work>
double timed(const Context& context, const Work& work) {
  context.backend().synchronize();
  const auto begin = std::chrono::steady_clock::now();
  work();
  context.backend().synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace fedcamae::bench
