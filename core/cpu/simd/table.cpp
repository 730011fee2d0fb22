#include "core/cpu/simd/table.h"

#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

#define FEDCAMAE_TEXT_OF(x) #x
#define FEDCAMAE_TEXT(x) FEDCAMAE_TEXT_OF(x)

namespace fedcamae::cpu::FEDCAMAE_ISA {

namespace {

template <class T>
constexpr NormKernels<T> norm_kernels() {
  return {.moments = norm_moments<T>,
          .forward = norm_forward<T>,
          .gradient_sums = norm_gradient_sums<T>,
          .backward = norm_backward<T>};
}

}  // namespace

const CpuKernels kKernels = {
    .name = FEDCAMAE_TEXT(FEDCAMAE_ISA),
    .vector = kVector,
    .panel = kPanel,
    .rows_panel = rows_panel,
    .rows_panel_pairs = rows_panel_pairs,
    .outer_panel = outer_panel,
    .outer_panel_pairs = outer_panel_pairs,
    .pack_transposed = pack_transposed,
    .pack_rows = pack_rows,
    .pack_tiles = pack_tiles,
    .pack_runs = pack_runs,
    .pack_row_pairs = pack_row_pairs,
    .pack_tile_pairs = pack_tile_pairs,
    .round_row = round_row,
    .widen_row = widen_row,
    .norm = norm_kernels<float>(),
    .norm_bf16 = norm_kernels<uint16_t>(),
    .adam = adam,
    .sigmoid_error = sigmoid_error,
    .sgd = sgd,
    .squared_distances = squared_distances,
    .medians = medians,
    .trimmed_means = trimmed_means,
    .peak = peak,
};

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
