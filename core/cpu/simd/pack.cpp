// Packing: panels of up to kPanel columns, row after row, padded with zeros to whole vectors.
#include "core/cpu/simd/bf16.h"
#include "core/cpu/simd/kernels.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

namespace {

// Floats, or pairs at any address of a bfloat16.
typedef float Number __attribute__((aligned(2), may_alias));
typedef float Numbers __attribute__((vector_size(kVector * 4), aligned(2), may_alias));
inline float number_at(const Number* p) {
  float number = 0;
  __builtin_memcpy(&number, p, sizeof(number));
  return number;
}
inline Vec load_pairs(const Number* p) { return *reinterpret_cast<const Numbers*>(p); }

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
inline void transpose_square(const Number* from, int64_t from_stride, float* to, int64_t width) {
  Vec rows[kVector];
#pragma GCC unroll 16
  for (int i = 0; i < kVector; ++i) rows[i] = load_pairs(from + i * from_stride);
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

// Weights come from memory once, and the hardware does not foresee kVector rows that are read side
// by side: while those are packed, the next ones are fetched in the order in which they lie.
struct Ahead {
  const Number* row;
  int64_t stride, length;  // numbers from a row to the next, and those of it that are wanted
  int64_t at = 0;

  // As many as a square has.
  void fetch_square() {
#pragma GCC unroll 16
    for (int i = 0; i < kVector; ++i) {
      __builtin_prefetch(row + at, 0, 2);
      at += kVector;
      if (at == length) {
        at = 0;
        row += stride;
      }
    }
  }
};

}  // namespace

void pack_transposed(const float* numbers, int64_t from_stride, int64_t columns, int64_t length,
                     float* to) {
  const auto* from = reinterpret_cast<const Number*>(numbers);
  const int64_t width = padded(columns);
  const int64_t whole = columns / kVector * kVector;
  const int64_t squares = length / kVector * kVector;
  for (int64_t j = 0; j < whole; j += kVector) {
    const Number* source = from + j * from_stride;
    Ahead next{source + kVector * from_stride, from_stride, squares};
    for (int64_t l = 0; l < squares; l += kVector) {
      next.fetch_square();
      transpose_square(source + l, from_stride, to + l * width + j, width);
    }
    for (int64_t l = squares; l < length; ++l)
      for (int64_t i = 0; i < kVector; ++i) to[l * width + j + i] = source[i * from_stride + l];
  }
  for (int64_t l = 0; l < length; ++l) {
    for (int64_t j = whole; j < columns; ++j)
      to[l * width + j] = number_at(from + j * from_stride + l);
    for (int64_t j = columns; j < width; ++j) to[l * width + j] = 0.0f;
  }
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

void pack_row_pairs(const uint16_t* from, int64_t from_stride, const int64_t* offsets,
                    int64_t partner, int64_t paired, int64_t columns, int64_t length, float* to) {
  const int64_t width = padded(columns);
  const int64_t whole = columns / kVector * kVector;
  for (int64_t l = 0; l < length; ++l, to += width) {
    const uint16_t* row = from + (offsets != nullptr ? offsets[l] : l * from_stride);
    const uint16_t* other = l < paired ? row + partner : nullptr;
    for (int64_t j = 0; j < whole; j += kVector) {
      Words pair = load_halves(row + j);
      if (other != nullptr) pair |= load_halves(other + j) << 16;
      store(to + j, reinterpret_cast<Vec>(pair));
    }
    auto* words = reinterpret_cast<PairAt*>(to);
    for (int64_t j = whole; j < width; ++j) words[j] = 0;
    for (int64_t j = whole; j < columns; ++j)
      words[j] = row[j] | (other != nullptr ? static_cast<uint32_t>(other[j]) << 16 : 0u);
  }
}

namespace {

typedef uint16_t FourHalves __attribute__((vector_size(8), aligned(2), may_alias));
typedef uint32_t FourWords __attribute__((vector_size(16)));
typedef FourWords UnalignedFourWords __attribute__((aligned(4), may_alias));

inline FourWords four(const uint16_t* p) {
  return __builtin_convertvector(*reinterpret_cast<const FourHalves*>(p), FourWords);
}

// Rows 0 .. 5: twice four, of which two are the same.
inline void weave_six(const uint16_t* low, const uint16_t* high, uint32_t* to) {
  static_assert(kTileRows == 6);
  *reinterpret_cast<UnalignedFourWords*>(to) = four(low) | four(high) << 16;
  *reinterpret_cast<UnalignedFourWords*>(to + 2) = four(low + 2) | four(high + 2) << 16;
}

}  // namespace

void pack_tile_pairs(const uint16_t* from, const int64_t* offsets, int64_t partner, int64_t paired,
                     int64_t rows, int64_t steps, float* packed) {
  auto* to = reinterpret_cast<uint32_t*>(packed);
  for (int64_t first = 0; first < rows; first += kTileRows, to += steps * kTileRows) {
    const uint16_t* source = from + first;
    const int64_t whole = first + kTileRows <= rows ? paired : 0;
    for (int64_t p = 0; p < whole; ++p)
      weave_six(source + offsets[p], source + offsets[p] + partner, to + p * kTileRows);
    for (int64_t p = whole; p < steps; ++p)
      for (int64_t i = 0; i < kTileRows && first + i < rows; ++i) {
        const uint16_t* number = source + offsets[p] + i;
        to[p * kTileRows + i] =
            number[0] | (p < paired ? static_cast<uint32_t>(number[partner]) << 16 : 0u);
      }
  }
}

void round_row(const float* from, int64_t count, uint16_t* to) {
  int64_t i = 0;
  for (; i + kVector <= count; i += kVector) store_rounded(to + i, load(from + i));
  for (; i < count; ++i) to[i] = rounded<uint16_t>(from[i]);
}

void widen_row(const uint16_t* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + kVector <= count; i += kVector)
    store(to + i, reinterpret_cast<Vec>(load_halves(from + i) << 16));
  for (; i < count; ++i) to[i] = widened(from[i]);
}

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
