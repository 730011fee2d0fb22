#include "core/median.h"

#include <vector>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/parallel.h"

namespace fedcamae::cpu {

void CpuBackend::coordinate_median(std::span<const ConstView> vectors, View y) {
  std::vector<const float*> data;
  for (const ConstView& vector : vectors) data.push_back(vector.data);
  const auto n = static_cast<int64_t>(data.size());
  const int64_t vector = cpu_kernels().vector, whole = y.size() / vector;
  in_ranges(threads_, whole, n * y.size(), [&](int64_t begin, int64_t end) {
    float* block = scratch_floats(Slot::kPanel, n * cpu_kernels().panel);
    cpu_kernels().medians(data.data(), n, begin * vector, end * vector, block, y.data);
  });
  for (int64_t j = whole * vector; j < y.size(); ++j)
    y.data[j] = median::of(n, [&](int64_t i) { return data[static_cast<size_t>(i)][j]; });
}

}  // namespace fedcamae::cpu
