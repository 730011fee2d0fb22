// Rows of A, each anywhere in memory, against a packed panel of B: a tile of kTileRows x panel
// numbers of C stays in registers for the whole reduction.
#include "core/cpu/simd/bf16.h"
#include "core/cpu/simd/kernels.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {
namespace {

template <int kRows, int kVectors>
struct Accumulator {
  Vec value[kRows][kVectors];
};

template <class Kind, int kPart, int kRows, int kVectors>
inline __attribute__((always_inline)) void step_part(
    Accumulator<kRows, kVectors>& acc, const typename Kind::Number* const (&row)[kRows], int64_t l,
    const float* b) {
  Vec columns[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v)
    columns[v] = Kind::template columns<kPart>(load(b + v * kVector));
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const auto a = Kind::template row<kPart>(row[i][l]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      acc.value[i][v] = Kind::add_product(acc.value[i][v], a, columns[v]);
  }
}

template <class Kind, int kRows, int kVectors>
inline __attribute__((always_inline)) void step(Accumulator<kRows, kVectors>& acc,
                                                const typename Kind::Number* const (&row)[kRows],
                                                int64_t l, const float* b) {
  step_part<Kind, 0>(acc, row, l, b);
  if constexpr (Kind::kParts == 2) step_part<Kind, 1>(acc, row, l, b);
}

inline int64_t c_offset(const RowsPanel& task, int64_t i) {
  return task.c_offsets != nullptr ? task.c_offsets[i] : i * task.c_stride;
}
inline int64_t rounded_offset(const RowsPanel& task, int64_t i) {
  return task.rounded_offsets != nullptr ? task.rounded_offsets[i] : i * task.rounded_stride;
}

// The sums of row i, columns [j, j + kVector), all of them there.
inline void write_vector(const RowsPanel& task, int64_t i, int64_t j, Vec sum) {
  float* c = task.c + c_offset(task, i) + j;
  if (task.accumulate) sum += load(c);
  if (task.rounded != nullptr)
    store_rounded(task.rounded + rounded_offset(task, i) + j, sum);
  else
    store(c, sum);
}
inline void write_number(const RowsPanel& task, int64_t i, int64_t j, float sum) {
  float* c = task.c + c_offset(task, i) + j;
  if (task.accumulate) sum += *c;
  if (task.rounded != nullptr)
    task.rounded[rounded_offset(task, i) + j] = rounded<uint16_t>(sum);
  else
    *c = sum;
}

template <int kRows, int kVectors>
inline void write(const RowsPanel& task, int64_t first, const Accumulator<kRows, kVectors>& acc) {
  if (task.columns == kVectors * kVector) {
    if (!task.accumulate && task.rounded == nullptr) {  // where the reduction is short, this counts
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v)
          store(task.c + c_offset(task, first + i) + v * kVector, acc.value[i][v]);
      return;
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        write_vector(task, first + i, v * kVector, acc.value[i][v]);
    return;
  }
  float numbers[kRows][kVectors * kVector];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store(&numbers[i][v * kVector], acc.value[i][v]);
  for (int64_t j = 0; j < task.columns; ++j)
    for (int i = 0; i < kRows; ++i) write_number(task, first + i, j, numbers[i][j]);
}

// Rows that are often pages apart, which the processor does not expect by itself.
constexpr int64_t kRowsAhead = 16;

template <int kVectors>
inline __attribute__((always_inline)) void copy_row(const float* from, int64_t stride, float* to) {
#pragma GCC unroll 8
  for (int j = 0; j < kVectors * kVector; j += 16)
    __builtin_prefetch(from + kRowsAhead * stride + j);
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) store(to + v * kVector, load(from + v * kVector));
}

template <class Kind, int kRows, int kVectors, bool kPacks = false>
void tile(const RowsPanel& task, int64_t first) {
  using Number = typename Kind::Number;
  constexpr int64_t kWidth = kVectors * kVector;
  const Number* base[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
    base[i] = reinterpret_cast<const Number*>(task.a) +
              (task.a_offsets != nullptr ? task.a_offsets[first + i] : (first + i) * task.a_stride);
  // One vector a row is too few sums in flight to hide the latency of a multiply-add: two phases.
  Accumulator<kRows, kVectors> even = {};
  Accumulator<kRows, kVectors> odd = {};
  for (int64_t r = 0; r < task.run_count; ++r) {
    const Run run = task.runs[r];
    const Number* row[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) row[i] = base[i] + run.a;
    const float* b = task.b + run.b * kWidth;
    int64_t l = 0;
    if constexpr (kVectors == 1) {
      for (; l + 1 < run.length; l += 2, b += 2 * kWidth) {
        step<Kind>(even, row, l, b);
        step<Kind>(odd, row, l + 1, b + kWidth);
      }
    }
    for (; l < run.length; ++l, b += kWidth) {
      if constexpr (kPacks)
        copy_row<kVectors>(task.unpacked + (run.b + l) * task.unpacked_stride, task.unpacked_stride,
                           task.packed + (run.b + l) * kWidth);
      step<Kind>(even, row, l, b);
    }
  }
  if constexpr (kVectors == 1) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) even.value[i][0] += odd.value[i][0];
  }
  write(task, first, even);
}

void pack(const RowsPanel& task) {
  for (int64_t r = 0; r < task.run_count; ++r)
    pack_rows(task.unpacked + task.runs[r].b * task.unpacked_stride, task.unpacked_stride, nullptr,
              task.columns, task.runs[r].length,
              task.packed + task.runs[r].b * padded(task.columns));
}

// Packs B where that is left to do; returns how many rows of C this has done as well.
template <class Kind, int kVectors>
inline int64_t packing_rows(const RowsPanel& task) {
  if (task.unpacked == nullptr) return 0;
  if constexpr (__is_same(Kind, Floats) && kVectors > 1)
    if (task.rows >= kTileRows && task.columns == kVectors * kVector) {
      tile<Kind, kTileRows, kVectors, true>(task, 0);
      return kTileRows;
    }
  pack(task);
  return 0;
}

template <class Kind, int kVectors>
void rows(const RowsPanel& task) {
  int64_t i = packing_rows<Kind, kVectors>(task);
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
void panel(const RowsPanel& task) {
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

void rows_panel(const RowsPanel& task) { panel<Floats>(task); }
void rows_panel_pairs(const RowsPanel& task) { panel<Pairs>(task); }

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
