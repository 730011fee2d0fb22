#include "core/cpu/cpu_backend.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {

void CpuBackend::gather(ConstView x, std::span<const int32_t> at, View y) {
  in_ranges(threads_, y.size(), y.size(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y.data[i] = x.data[at[static_cast<size_t>(i)]];
  });
}

}  // namespace fedcamae::cpu
