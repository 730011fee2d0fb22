// Medians and trimmed means over many vectors: whole vectors of columns by the level's kernels,
// what is left by the source of every device.
#include "core/median.h"

#include <vector>

#include "core/cpu/cpu_backend.h"
#include "core/cpu/kernels.h"
#include "core/cpu/parallel.h"
#include "core/trimmed_mean.h"

namespace fedcamae::cpu {
namespace {

std::vector<const float*> data_of(std::span<const ConstView> vectors) {
  std::vector<const float*> data;
  for (const ConstView& vector : vectors) data.push_back(vector.data);
  return data;
}

// columns(begin, end, block) for whole vectors of columns, column(j) for each of the rest; block:
// for n panels of numbers.
template <class Columns, class Column>
void each_column(int threads, int64_t n, int64_t count, const Columns& columns,
                 const Column& column) {
  const int64_t vector = cpu_kernels().vector, whole = count / vector;
  in_ranges(threads, whole, n * count, [&](int64_t begin, int64_t end) {
    columns(begin * vector, end * vector, scratch_floats(Slot::kPanel, n * cpu_kernels().panel));
  });
  for (int64_t j = whole * vector; j < count; ++j) column(j);
}

}  // namespace

void CpuBackend::coordinate_median(std::span<const ConstView> vectors, View y) {
  const std::vector<const float*> data = data_of(vectors);
  const auto n = static_cast<int64_t>(data.size());
  each_column(
      threads_, n, y.size(),
      [&](int64_t begin, int64_t end, float* block) {
        cpu_kernels().medians(data.data(), n, begin, end, block, y.data);
      },
      [&](int64_t j) {
        y.data[j] = median::of(n, [&](int64_t i) { return data[static_cast<size_t>(i)][j]; });
      });
}

void CpuBackend::coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t trim, View y) {
  const std::vector<const float*> data = data_of(vectors);
  const auto n = static_cast<int64_t>(data.size());
  each_column(
      threads_, n, y.size(),
      [&](int64_t begin, int64_t end, float* block) {
        cpu_kernels().trimmed_means(data.data(), n, trim, begin, end, block, y.data);
      },
      [&](int64_t j) {
        y.data[j] =
            trimmed_mean::of(n, trim, [&](int64_t i) { return data[static_cast<size_t>(i)][j]; });
      });
}

}  // namespace fedcamae::cpu
