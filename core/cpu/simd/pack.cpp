// Packing: panels of up to kPanel columns, row after row, padded with zeros to whole vectors.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

namespace {

typedef int32_t Index __attribute__((vector_size(kVector * 4)));

// a0 b0 a1 b1 ... of the lower or the upper halves.
template <int kFirst>
inline Vec interleave(Vec a, Vec b) {
  Index index;
#pragma GCC unroll 16
  for (int i = 0; i < kVector; ++i) index[i] = (i % 2) * kVector + kFirst + i / 2;
  return __builtin_shuffle(a, b, index);
}

// A square of kVector x kVector: each round shuffles rows r and r + kVector / 2 like cards, which
// moves the top bit of the row's number to the bottom of the column's.
inline void transpose_square(const float* from, int64_t from_stride, float* to, int64_t width) {
  Vec rows[kVector];
#pragma GCC unroll 16
  for (int i = 0; i < kVector; ++i) rows[i] = load(from + i * from_stride);
#pragma GCC unroll 4
  for (int round = 1; round < kVector; round *= 2) {
    Vec next[kVector];
#pragma GCC unroll 8
    for (int i = 0; i < kVector / 2; ++i) {
      next[2 * i] = interleave<0>(rows[i], rows[i + kVector / 2]);
      next[2 * i + 1] = interleave<kVector / 2>(rows[i], rows[i + kVector / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kVector; ++i) rows[i] = next[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < kVector; ++i) store(to + i * width, rows[i]);
}

}  // namespace

void pack_transposed(const float* from, int64_t from_stride, int64_t columns, int64_t length,
                     float* to) {
  const int64_t width = padded(columns);
  const int64_t whole = columns / kVector * kVector;
  const int64_t squares = length / kVector * kVector;
  for (int64_t j = 0; j < whole; j += kVector) {
    const float* source = from + j * from_stride;
    for (int64_t l = 0; l < squares; l += kVector)
      transpose_square(source + l, from_stride, to + l * width + j, width);
    for (int64_t l = squares; l < length; ++l)
      for (int64_t i = 0; i < kVector; ++i) to[l * width + j + i] = source[i * from_stride + l];
  }
  for (int64_t l = 0; l < length; ++l)
    for (int64_t j = whole; j < width; ++j)
      to[l * width + j] = j < columns ? from[j * from_stride + l] : 0.0f;
}

namespace {

typedef float Four __attribute__((vector_size(16), aligned(4), may_alias));
typedef float Two __attribute__((vector_size(8), aligned(4), may_alias));

inline void copy_six(const float* from, float* to) {
  static_assert(kTileRows == 6);
  *reinterpret_cast<Four*>(to) = *reinterpret_cast<const Four*>(from);
  *reinterpret_cast<Two*>(to + 4) = *reinterpret_cast<const Two*>(from + 4);
}

}  // namespace

void pack_tiles(const float* from, const int64_t* offsets, int64_t rows, int64_t steps, float* to) {
  for (int64_t first = 0; first < rows; first += kTileRows, to += steps * kTileRows) {
    const float* source = from + first;
    if (first + kTileRows <= rows) {
      for (int64_t p = 0; p < steps; ++p) copy_six(source + offsets[p], to + p * kTileRows);
    } else {
      for (int64_t p = 0; p < steps; ++p)
        for (int64_t i = 0; i < rows - first; ++i) to[p * kTileRows + i] = source[offsets[p] + i];
    }
  }
}

void pack_rows(const float* from, int64_t from_stride, const int64_t* offsets, int64_t columns,
               int64_t length, float* to) {
  const int64_t width = padded(columns);
  const int64_t whole = columns / kVector * kVector;
  for (int64_t l = 0; l < length; ++l, to += width) {
    const float* row = from + (offsets != nullptr ? offsets[l] : l * from_stride);
    for (int64_t j = 0; j < whole; j += kVector) store(to + j, load(row + j));
    for (int64_t j = whole; j < columns; ++j) to[j] = row[j];
    for (int64_t j = columns; j < width; ++j) to[j] = 0.0f;
  }
}

void pack_runs(const float* from, const int64_t* offsets, int64_t steps, const int64_t* runs,
               int64_t run_count, int64_t length, float* to, int64_t to_stride) {
  for (int64_t p = 0; p < steps; ++p, to += to_stride) {
    float* at = to;
    // What a run writes too far, the next one or the next row overwrites.
    for (int64_t i = 0; i < run_count; ++i, at += length) {
      const float* source = from + offsets[p] + runs[i];
      for (int64_t j = 0; j < length; j += kVector) store(at + j, load(source + j));
    }
  }
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
