#include "defense/steps.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/profile.h"

namespace fedcamae {
namespace {

// visit(first, to - from) for one stretch after another, in the context of `from`.
template <class Visit>
void in_blocks(const Tensor& from, const Tensor& to, const Visit& visit) {
  constexpr int64_t kBlock = 1 << 18;  // 1 MiB of numbers, which stay in the cache
  const int64_t size = from.size();
  const Tensor block(from.context(), {std::min(size, kBlock)});
  for (int64_t first = 0; first < size; first += kBlock) {
    const Shape shape{std::min(kBlock, size - first)};
    const Tensor step = block.window(0, shape);
    ops::copy_(to.window(first, shape), step);
    ops::axpy_(-1.0f, from.window(first, shape), step);
    visit(first, step);
  }
}

}  // namespace

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
  in_blocks(from, to, [&](int64_t first, const Tensor& step) {
    ops::axpy_(static_cast<float>(factor), step, y.window(first, step.shape()));
  });
}

SignShares sign_shares(const Tensor& from, const Tensor& to) {
  double surplus = 0, nonzero = 0;  // of the positive ones over the negative; of both
  in_blocks(from, to, [&](int64_t, const Tensor& step) {
    const Tensor signs = ops::unary(Unary::kSign, step);
    surplus += ops::sum(signs);
    nonzero += ops::dot(signs, signs);
  });
  const auto count = static_cast<double>(from.size());
  return {(nonzero + surplus) / 2 / count, (count - nonzero) / count,
          (nonzero - surplus) / 2 / count};
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
