// The matrix products of the classifiers' heads and of the heat-map autoencoder, as they are
// called: forward x W^T, backward dy W and dy^T x.
//   bench_gemm [--threads=2] [Google Benchmark's flags]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "bench/support.h"
#include "core/cpu/kernels.h"

using namespace fedcamae;
using namespace fedcamae::bench;

namespace {

struct Linear {
  const char* name;
  int64_t rows, in, out;
};
const Linear kLayers[] = {{"resnet50_fc", 64, 2048, 1000},
                          {"regnet_fc", 64, 784, 1000},
                          {"autoencoder_in", 24, 50176, 128},
                          {"autoencoder_out", 24, 128, 50176},
                          {"square", 1024, 1024, 1024}};

void run(benchmark::State& state, const Linear& l, const std::string& direction, int threads,
         double peak) {
  const Shape xs{l.rows, l.in};
  const Shape ws{l.out, l.in};
  const Shape ys{l.rows, l.out};
  const Numbers x(xs.size());
  const Numbers w(ws.size());
  const Numbers y(ys.size());
  double best = 1e30;
  for (auto _ : state) {
    const double begin = seconds_now();
    if (direction == "fwd")
      cpu::gemm({.transpose_b = true}, {x.data(), xs}, {w.data(), ws}, {y.data(), ys}, threads);
    else if (direction == "bwd_d")
      cpu::gemm({}, {y.data(), ys}, {w.data(), ws}, {x.data(), xs}, threads);
    else
      cpu::gemm({.transpose_a = true}, {y.data(), ys}, {x.data(), xs}, {w.data(), ws}, threads);
    best = std::min(best, seconds_now() - begin);
  }
  const double flops = 2.0 * static_cast<double>(l.rows * l.in * l.out);
  state.counters["best_us"] = best * 1e6;
  state.counters["best_GFLOPs"] = flops / best * 1e-9;
  state.counters["peak_share"] = flops / best / peak;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = static_cast<int>(take(argc, argv, "threads", 2));
  const double peak = measure_peak(threads);
  benchmark::AddCustomContext("isa", cpu_isa_name());
  benchmark::AddCustomContext("peak_GFLOPs", std::to_string(peak * 1e-9));
  for (const Linear& layer : kLayers)
    for (const char* direction : {"fwd", "bwd_d", "bwd_w"})
      benchmark::RegisterBenchmark(
          (std::string(layer.name) + "/" + direction).c_str(),
          [=](benchmark::State& state) { run(state, layer, direction, threads, peak); })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond)
          ->MinTime(0.05);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
