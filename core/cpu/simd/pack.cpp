// Packing: panels of up to kPanel columns, row after row, padded with zeros to whole vectors.
#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

namespace fedcamae::cpu::FEDCAMAE_ISA {

void pack_transposed(const float* from, int64_t from_stride, int64_t columns, int64_t length,
                     float* to) {
  const int64_t width = padded(columns);
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t l = 0; l < length; ++l) to[l * width + j] = from[j * from_stride + l];
  for (int64_t j = columns; j < width; ++j)
    for (int64_t l = 0; l < length; ++l) to[l * width + j] = 0.0f;
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

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
