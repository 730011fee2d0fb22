#include "core/cpu/simd/table.h"

#include "core/cpu/simd/kernels.h"
#include "core/cpu/simd/vec.h"

#define FEDCAMAE_TEXT_OF(x) #x
#define FEDCAMAE_TEXT(x) FEDCAMAE_TEXT_OF(x)

namespace fedcamae::cpu::FEDCAMAE_ISA {

const CpuKernels kKernels = {
    .name = FEDCAMAE_TEXT(FEDCAMAE_ISA),
    .vector = kVector,
    .panel = kPanel,
    .rows_panel = rows_panel,
    .outer_panel = outer_panel,
    .pack_transposed = pack_transposed,
    .pack_rows = pack_rows,
    .pack_tiles = pack_tiles,
    .pack_runs = pack_runs,
    .norm_moments = norm_moments,
    .norm_forward = norm_forward,
    .norm_gradient_sums = norm_gradient_sums,
    .norm_backward = norm_backward,
    .adam = adam,
    .sgd = sgd,
    .squared_distances = squared_distances,
    .peak = peak,
};

}  // namespace fedcamae::cpu::FEDCAMAE_ISA
