// Every distinct convolution of ResNet-50 at 32x32, in its three directions. Counters: GFLOP/s over
// the multiplications that are needed (none with padding), and their share of the machine's peak.
//   bench_conv [--threads=2] [--batch=64] [--table=1] [Google Benchmark's flags]
// --table=1: one line a layer instead of one a measurement, and how many are far from the peak.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "bench/support.h"
#include "core/cpu/kernels.h"

using namespace fedcamae;
using namespace fedcamae::bench;

namespace {

struct Layer {
  const char* name;
  int64_t size, c, k, kernel, stride, groups = 1;
  int64_t padding() const { return kernel / 2; }
  int64_t out() const { return (size + 2 * padding() - kernel) / stride + 1; }
};
const Layer kLayers[] = {
    {"stem_7x7_3_64", 32, 3, 64, 7, 2},
    {"s1_1x1_64_64", 8, 64, 64, 1, 1},
    {"s1_3x3_64_64", 8, 64, 64, 3, 1},
    {"s1_1x1_64_256", 8, 64, 256, 1, 1},
    {"s1_1x1_256_64", 8, 256, 64, 1, 1},
    {"s2_1x1_256_128", 8, 256, 128, 1, 1},
    {"s2_3x3_128_128_2", 8, 128, 128, 3, 2},
    {"s2_1x1_256_512_2", 8, 256, 512, 1, 2},
    {"s2_1x1_128_512", 4, 128, 512, 1, 1},
    {"s2_1x1_512_128", 4, 512, 128, 1, 1},
    {"s2_3x3_128_128", 4, 128, 128, 3, 1},
    {"s3_1x1_512_256", 4, 512, 256, 1, 1},
    {"s3_3x3_256_256_2", 4, 256, 256, 3, 2},
    {"s3_1x1_512_1024_2", 4, 512, 1024, 1, 2},
    {"s3_1x1_256_1024", 2, 256, 1024, 1, 1},
    {"s3_1x1_1024_256", 2, 1024, 256, 1, 1},
    {"s3_3x3_256_256", 2, 256, 256, 3, 1},
    {"s4_1x1_1024_512", 2, 1024, 512, 1, 1},
    {"s4_3x3_512_512_2", 2, 512, 512, 3, 2},
    {"s4_1x1_1024_2048_2", 2, 1024, 2048, 1, 2},
    {"s4_1x1_512_2048", 1, 512, 2048, 1, 1},
    {"s4_1x1_2048_512", 1, 2048, 512, 1, 1},
    {"s4_3x3_512_512", 1, 512, 512, 3, 1},
    {"regnet_3x3_64_g4", 8, 64, 64, 3, 1, 4},
    {"regnet_3x3_144_g9", 4, 144, 144, 3, 1, 9},
    {"regnet_3x3_320_g20", 2, 320, 320, 3, 1, 20},
    {"regnet_3x3_784_g49", 1, 784, 784, 3, 1, 49},
};

constexpr const char* kDirections[] = {"fwd", "bwd_d", "bwd_w"};
// Images need no gradient.
bool is_needed(const Layer& l, std::string_view direction) {
  return l.c != 3 || direction != "bwd_d";
}

// Taps inside the image, summed over the outputs of one axis.
int64_t axis_taps(const Layer& l) {
  int64_t taps = 0;
  for (int64_t o = 0; o < l.out(); ++o)
    for (int64_t t = 0; t < l.kernel; ++t) {
      const int64_t i = o * l.stride - l.padding() + t;
      taps += i >= 0 && i < l.size;
    }
  return taps;
}

struct Measured {
  double seconds = 0, flops = 0;
};
std::map<std::string, Measured> measured;  // by benchmark's name

void run_layer(benchmark::State& state, const Layer& l, const std::string& direction, int64_t batch,
               int threads, double& peak) {
  // Again and again, the best of all: a busy machine may not show it at once.
  peak = std::max(peak, measure_peak(threads));
  const Shape xs{batch, l.size, l.size, l.c};
  const Shape ws{l.k, l.kernel, l.kernel, l.c / l.groups};
  const Shape ys{batch, l.out(), l.out(), l.k};
  const Numbers x(xs.size());
  const Numbers w(ws.size());
  const Numbers y(ys.size());
  const ConvSpec spec{.stride = l.stride, .padding = l.padding(), .groups = l.groups};
  double best = 1e30;
  for (auto _ : state) {
    const double begin = seconds_now();
    if (direction == "fwd")
      cpu::conv2d({x.data(), xs}, {w.data(), ws}, spec, {y.data(), ys}, threads);
    else if (direction == "bwd_d")
      cpu::conv2d_backward_data({y.data(), ys}, {w.data(), ws}, spec, {x.data(), xs}, threads);
    else
      cpu::conv2d_backward_weight({y.data(), ys}, {x.data(), xs}, spec, {w.data(), ws}, threads);
    best = std::min(best, seconds_now() - begin);
  }
  const double taps = static_cast<double>(axis_taps(l) * axis_taps(l));
  const int64_t group_c = l.c / l.groups;
  const double flops = 2.0 * static_cast<double>(batch * l.k * group_c) * taps;
  Measured& kept = measured[std::string(l.name) + "/" + direction];
  if (kept.seconds == 0 || best < kept.seconds) kept = {best, flops};
  state.counters["best_us"] = best * 1e6;
  state.counters["best_GFLOPs"] = flops / best * 1e-9;
  state.counters["peak_GFLOPs"] = peak * 1e-9;
  state.counters["peak_share"] = flops / best / peak;
}

class NoReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

void print_table(double peak) {
  std::printf("peak %.1f GFLOP/s, %s; microseconds, GFLOP/s, share of the peak\n", peak * 1e-9,
              cpu_isa_name().c_str());
  std::printf("| layer | fwd | bwd_d | bwd_w |\n|---|---|---|---|\n");
  int all = 0, below_60 = 0, below_80 = 0;
  double seconds = 0, flops = 0;
  for (const Layer& layer : kLayers) {
    std::string line = "| " + std::string(layer.name);
    for (const char* direction : kDirections) {
      const auto found = measured.find(std::string(layer.name) + "/" + direction);
      if (found == measured.end()) {
        line += " | -";
        continue;
      }
      const double rate = found->second.flops / found->second.seconds;
      char cell[80];
      std::snprintf(cell, sizeof(cell), " | %.0f us, %.0f, %.0f %%", found->second.seconds * 1e6,
                    rate * 1e-9, rate / peak * 100);
      line += cell;
      if (layer.groups > 1) continue;
      ++all;
      below_60 += rate < 0.6 * peak;
      below_80 += rate < 0.8 * peak;
      seconds += found->second.seconds;
      flops += found->second.flops;
    }
    std::printf("%s |\n", line.c_str());
  }
  std::printf("ResNet-50: %d, of which below 60 %%: %d, below 80 %%: %d; together %.0f %%\n", all,
              below_60, below_80, flops / seconds / peak * 100);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = static_cast<int>(take(argc, argv, "threads", 2));
  const int64_t batch = take(argc, argv, "batch", 64);
  const bool table = take(argc, argv, "table", 0) != 0;
  double peak = 0;
  benchmark::AddCustomContext("isa", cpu_isa_name());
  for (const Layer& layer : kLayers)
    for (const char* direction : kDirections) {
      if (!is_needed(layer, direction)) continue;
      benchmark::RegisterBenchmark((std::string(layer.name) + "/" + direction).c_str(),
                                   [=, &peak](benchmark::State& state) {
                                     run_layer(state, layer, direction, batch, threads, peak);
                                   })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond)
          ->MinTime(0.05);
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (!table) {
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  }
  NoReporter silent;
  benchmark::RunSpecifiedBenchmarks(&silent);
  print_table(peak);
}
