#include "defense/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/profile.h"

namespace fedcamae {

std::vector<double> squared_steps(const Tensor& centre, std::span<const ClientUpdate> updates,
                                  std::span<const size_t> present) {
  std::vector<double> squares(updates.size(), std::numeric_limits<double>::quiet_NaN());
  for (const size_t i : present)
    squares[i] = ops::squared_distance(centre, updates[i].state.parameters);
  return squares;
}

std::vector<double> step_norms(const Tensor& centre, std::span<const ClientUpdate> updates,
                               std::span<const size_t> present) {
  std::vector<double> norms = squared_steps(centre, updates, present);
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

void add_step_(double factor, const Tensor& from, const Tensor& to, const Tensor& y) {
  constexpr int64_t kBlock = 1 << 18;  // 1 MiB of numbers, which stay in the cache
  const int64_t size = y.size();
  const Tensor block(y.context(), {std::min(size, kBlock)});
  for (int64_t first = 0; first < size; first += kBlock) {
    const Shape shape{std::min(kBlock, size - first)};
    const Tensor step = block.window(0, shape);
    ops::copy_(to.window(first, shape), step);
    ops::axpy_(-1.0f, from.window(first, shape), step);
    ops::axpy_(static_cast<float>(factor), step, y.window(first, shape));
  }
}

Tensor move_by_steps(const Tensor& centre, std::span<const ClientUpdate> updates,
                     std::span<const size_t> present, std::span<const double> factors) {
  const ProfilePhase phase(centre.context(), "aggregation");
  Tensor moved = centre.clone();
  for (const size_t i : present)
    if (factors[i] != 0) add_step_(factors[i], centre, updates[i].state.parameters, moved);
  return moved;
}

}  // namespace fedcamae
