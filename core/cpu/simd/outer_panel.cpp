// A sum of outer products over pixels: a tile of kTileRows x panel numbers of C stays in registers
// while p runs. The rows of the tile are neighbours in A[p], so one address a step is enough.
#include "core/cpu/simd/bf16.h"
#include "core/cpu/simd/kernels.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

template <class Kind, int kPart, int kRows, int kVectors>
inline __attribute__((always_inline)) void step_part(Vec (&acc)[kRows][kVectors],
                                                     const typename Kind::Number* a,
                                                     const float* b) {
  Vec columns[kVectors];
#pragma GCC unroll 16
  for (int v = 0; v < kVectors; ++v)
    columns[v] = Kind::template columns<kPart>(load(b + v * kVector));
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const auto row = Kind::template row<kPart>(a[i]);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) acc[i][v] = Kind::add_product(acc[i][v], row, columns[v]);
  }
}

template <class Kind, int kRows, int kVectors>
inline __attribute__((always_inline)) void step(Vec (&acc)[kRows][kVectors],
                                                const typename Kind::Number* a, const float* b) {
  step_part<Kind, 0>(acc, a, b);
  if constexpr (Kind::kParts == 2) step_part<Kind, 1>(acc, a, b);
}

template <int kRows, int kVectors>
inline void write(const OuterPanel& task, float* c, const Vec (&acc)[kRows][kVectors]) {
  if (task.columns == kVectors * kVector) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        float* to = c + i * task.c_stride + v * kVector;
        store(to, task.accumulate ? acc[i][v] + load(to) : acc[i][v]);
      }
    return;
  }
  float numbers[kRows][kVectors * kVector];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) store(&numbers[i][v * kVector], acc[i][v]);
  for (int i = 0; i < kRows; ++i)
    for (int64_t j = 0; j < task.columns; ++j) {
      float* to = c + i * task.c_stride + j;
      *to = task.accumulate ? *to + numbers[i][j] : numbers[i][j];
    }
}

template <class Kind, int kRows, int kVectors>
void tile(const OuterPanel& task, int64_t first) {
  // C is often far away; its lines come while the sums are made.
  float* c = task.c + first * task.c_stride;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVectors * kVector; j += 16)
      __builtin_prefetch(c + i * task.c_stride + j, 1);
  Vec acc[kRows][kVectors] = {};
  const auto* a = reinterpret_cast<const typename Kind::Number*>(task.a) +
                  (task.a_tile == kTileRows ? first : first / kTileRows * task.a_tile);
  const float* b = task.b;
  const auto a_row = [&](int64_t p) {
    return a + (task.a_offsets != nullptr ? task.a_offsets[p] : p * task.a_stride);
  };
  if (task.b_offsets != nullptr) {
    for (int64_t p = 0; p < task.steps; ++p) step<Kind>(acc, a_row(p), b + task.b_offsets[p]);
  } else {
    for (int64_t p = 0; p < task.steps; ++p, b += task.b_stride) step<Kind>(acc, a_row(p), b);
  }
  write(task, c, acc);
}

template <class Kind, int kVectors>
void rows(const OuterPanel& task) {
  int64_t i = 0;
#if defined(__AVX512F__)
  // One vector a row, as in grouped convolutions: 6 sums would wait for each other.
  if constexpr (kVectors == 1)
    if (task.a_tile == kTileRows)
      for (; i + 16 <= task.rows; i += 16) tile<Kind, 16, 1>(task, i);
#endif
  for (; i + kTileRows <= task.rows; i += kTileRows) tile<Kind, kTileRows, kVectors>(task, i);
  switch (task.rows - i) {
    case 1:
      return tile<Kind, 1, kVectors>(task, i);
    case 2:
      return tile<Kind, 2, kVectors>(task, i);
    case 3:
      return tile<Kind, 3, kVectors>(task, i);
    case 4:
      return tile<Kind, 4, kVectors>(task, i);
    case 5:
      return tile<Kind, 5, kVectors>(task, i);
    default:
      return;
  }
}

template <class Kind>
void panel(const OuterPanel& task) {
  switch (padded(task.columns) / kVector) {
    case 1:
      return rows<Kind, 1>(task);
    case 2:
      return rows<Kind, 2>(task);
#if defined(__AVX512F__)
    case 3:
      return rows<Kind, 3>(task);
    case 4:
      return rows<Kind, 4>(task);
#endif
    default:
      return;
  }
}

}  // namespace

void outer_panel(const OuterPanel& task) { panel<Floats>(task); }
void outer_panel_pairs(const OuterPanel& task) { panel<Pairs>(task); }

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
