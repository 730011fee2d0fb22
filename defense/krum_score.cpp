#include "defense/krum_score.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/scalars.h"

namespace fedcamae {
namespace {

// The sum over the `neighbours` nearest others, smallest first: the order of the others moves no
// bit.
double krum_score(std::span<const double> row, size_t self, size_t neighbours) {
  std::vector<double> distances(row.begin(), row.end());
  distances.erase(distances.begin() + static_cast<std::ptrdiff_t>(self));
  std::sort(distances.begin(), distances.end());
  const auto count = static_cast<std::ptrdiff_t>(std::min(neighbours, distances.size()));
  return std::accumulate(distances.begin(), distances.begin() + count, 0.0);
}

}  // namespace

std::vector<double> krum_scores(Context& context, std::span<const ClientUpdate> updates,
                                const std::vector<bool>& accepted, int64_t f) {
  const std::vector<size_t> present = accepted_positions(accepted);
  const size_t n = present.size();
  std::vector<Tensor> parameters;
  for (const size_t i : present) parameters.push_back(updates[i].state.parameters);
  const std::vector<double> distances = ops::pairwise_squared_distances(context, parameters);
  const int64_t neighbours = std::max<int64_t>(static_cast<int64_t>(n) - f - 2, 1);
  std::vector<double> scores(updates.size(), std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < n; ++i)
    scores[present[i]] =
        krum_score(std::span(distances).subspan(i * n, n), i, static_cast<size_t>(neighbours));
  return scores;
}

void keep_lowest(int64_t m, Verdict& verdict) {
  const std::vector<size_t> order = order_by(verdict.score, accepted_positions(verdict.accepted));
  if (order.empty()) return;
  const size_t kept = std::min(static_cast<size_t>(m), order.size());
  verdict.threshold = verdict.score[order[kept - 1]];
  for (size_t rank = kept; rank < order.size(); ++rank) verdict.accepted[order[rank]] = false;
}

}  // namespace fedcamae
