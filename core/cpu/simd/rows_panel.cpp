// Rows of A, each anywhere in memory, against a packed panel of B: a tile of kTileRows x panel
// numbers of C stays in registers for the whole reduction.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

template <int kRows, int kVectors>
struct Accumulator {
  Vec value[kRows][kVectors];
};

template <int kRows, int kVectors>
inline __attribute__((always_inline)) void step(Accumulator<kRows, kVectors>& acc,
                                                const float* const (&row)[kRows], int64_t l,
                                                const float* b) {
  Vec columns[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) columns[v] = load(b + v * kVector);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const float a = row[i][l];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc.value[i][v] += a * columns[v];
  }
}

template <int kRows, int kVectors>
inline void write(const RowsPanel& task, int64_t first, const Accumulator<kRows, kVectors>& acc) {
  const auto offset = [&](int64_t i) {
    return task.c_offsets != nullptr ? task.c_offsets[i] : i * task.c_stride;
  };
  if (!task.transposed && task.columns == kVectors * kVector) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      float* c = task.c + offset(first + i);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        store(c + v * kVector,
              task.accumulate ? acc.value[i][v] + load(c + v * kVector) : acc.value[i][v]);
    }
    return;
  }
  float numbers[kRows][kVectors * kVector];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store(&numbers[i][v * kVector], acc.value[i][v]);
  for (int64_t j = 0; j < task.columns; ++j)
    for (int i = 0; i < kRows; ++i) {
      float* c = task.transposed ? task.c + offset(j) + first + i : task.c + offset(first + i) + j;
      *c = task.accumulate ? *c + numbers[i][j] : numbers[i][j];
    }
}

template <int kRows, int kVectors>
void tile(const RowsPanel& task, int64_t first) {
  constexpr int64_t kWidth = kVectors * kVector;
  const float* base[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
    base[i] = task.a +
              (task.a_offsets != nullptr ? task.a_offsets[first + i] : (first + i) * task.a_stride);
  // C is often far away; its lines come while the sums are made.
  if (!task.transposed) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      float* c = task.c + (task.c_offsets != nullptr ? task.c_offsets[first + i]
                                                     : (first + i) * task.c_stride);
      for (int64_t j = 0; j < kWidth; j += 16) __builtin_prefetch(c + j, 1);
    }
  }
  // One vector a row is too few sums in flight to hide the latency of a multiply-add: two phases.
  Accumulator<kRows, kVectors> even = {};
  Accumulator<kRows, kVectors> odd = {};
  for (int64_t r = 0; r < task.run_count; ++r) {
    const Run run = task.runs[r];
    const float* row[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) row[i] = base[i] + run.a;
    const float* b = task.b + run.b * kWidth;
    int64_t l = 0;
    if constexpr (kVectors == 1) {
      for (; l + 1 < run.length; l += 2, b += 2 * kWidth) {
        step(even, row, l, b);
        step(odd, row, l + 1, b + kWidth);
      }
    }
    for (; l < run.length; ++l, b += kWidth) step(even, row, l, b);
  }
  if constexpr (kVectors == 1) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) even.value[i][0] += odd.value[i][0];
  }
  write(task, first, even);
}

template <int kVectors>
void rows(const RowsPanel& task) {
  int64_t i = 0;
  for (; i + kTileRows <= task.rows; i += kTileRows) tile<kTileRows, kVectors>(task, i);
  switch (task.rows - i) {
    case 1:
      return tile<1, kVectors>(task, i);
    case 2:
      return tile<2, kVectors>(task, i);
    case 3:
      return tile<3, kVectors>(task, i);
    case 4:
      return tile<4, kVectors>(task, i);
    case 5:
      return tile<5, kVectors>(task, i);
    default:
      return;
  }
}

}  // namespace

void rows_panel(const RowsPanel& task) {
  switch (padded(task.columns) / kVector) {
    case 1:
      return rows<1>(task);
    case 2:
      return rows<2>(task);
#if defined(__AVX512F__)
    case 3:
      return rows<3>(task);
    case 4:
      return rows<4>(task);
#endif
    default:
      return;
  }
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
