// What this machine can do at most: multiply-adds in float32 and bfloat16, bytes read from memory.
#include <omp.h>

#include <string>

#include "bench/bandwidth.h"
#include "bench/support.h"
#include "core/cpu/kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace fedcamae;
using namespace fedcamae::bench;

namespace {

#if defined(__x86_64__)
// Pairs of bfloat16 products summed in float32, on registers alone; returns how many products.
__attribute__((target("avx512f,avx512bf16"))) int64_t bf16_products(int64_t repeats, float* sink) {
  constexpr int kSums = 12, kProducts = 32;
  __m512 sum[kSums];
  for (__m512& each : sum) each = _mm512_set1_ps(sink[0]);
  __m512i a = _mm512_setzero_si512(), b = _mm512_setzero_si512();
  for (int64_t n = 0; n < repeats; ++n) {
    asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i)
      sum[i] =
          _mm512_dpbf16_ps(sum[i], reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
  for (int i = 1; i < kSums; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  _mm512_storeu_ps(sink, sum[0]);
  return repeats * kSums * kProducts;
}
bool has_bf16() { return __builtin_cpu_supports("avx512bf16"); }
#else
int64_t bf16_products(int64_t, float*) { return 0; }
bool has_bf16() { return false; }
#endif

// The best of half a second or so: on a busy machine a thread is often in another's place.
template <class MultiplyAdds>
double peak_of(int threads, const MultiplyAdds& multiply_adds) {
  double best = 0;
  for (int i = 0; i < 10; ++i) best = std::max(best, measure_peak(threads, multiply_adds));
  return best * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  const int most = static_cast<int>(take(argc, argv, "threads", 2));
  std::printf("%-8s %18s %18s %14s\n", "threads", "f32 GFLOP/s", "bf16 GFLOP/s", "reads GB/s");
  for (int threads = 1; threads <= most; ++threads) {
    const std::string bf16 = has_bf16() ? std::to_string(peak_of(threads, bf16_products)) : "-";
    std::printf("%-8d %18.1f %18.6s %14.1f\n", threads, peak_of(threads, cpu::cpu_kernels().peak),
                bf16.c_str(), measure_read_bandwidth(threads) * 1e-9);
  }
  std::printf("kernels: %s\n", cpu_isa_name().c_str());
}
