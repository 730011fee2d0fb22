// Label skew by Dirichlet draws with the balance rule, as the reference code of the paper deals:
// for each class p ~ Dirichlet(alpha) over the clients, p_j = 0 for who already holds N / n images,
// renormalised; the shuffled class is cut at floor(cumsum(p) * count). Again from the start until
// the smallest client has min_size images, at most kAttempts times.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/partition_rules.h"

namespace fedcamae {
namespace {

constexpr int kAttempts = 1000;

// p_j = 0 for full clients, the rest sums to 1. Where tiny alphas left nothing to the others, one
// of them gets all: the limit of the distribution as alpha goes to 0.
void balance(std::vector<double>& p, const Shards& shards, double full, Random& random) {
  std::vector<size_t> open;
  double sum = 0;
  for (size_t j = 0; j < p.size(); ++j) {
    if (static_cast<double>(shards[j].size()) < full)
      open.push_back(j);
    else
      p[j] = 0;
    sum += p[j];
  }
  if (sum > 0) {
    for (double& share : p) share /= sum;
  } else {
    p[open[random.below(open.size())]] = 1;
  }
}

Shards attempt(const Deal& deal, std::vector<std::vector<int64_t>>& by_class) {
  const double full = static_cast<double>(deal.indices.size()) / static_cast<double>(deal.clients);
  const double alpha = deal.options.real("alpha");
  Shards shards(static_cast<size_t>(deal.clients));
  for (std::vector<int64_t>& members : by_class) {
    if (members.empty()) continue;
    deal.random.shuffle(std::span<int64_t>(members));
    std::vector<double> p = deal.random.dirichlet(alpha, deal.clients);
    balance(p, shards, full, deal.random);
    const auto last = static_cast<size_t>(
        std::find_if(p.rbegin(), p.rend(), [](double share) { return share > 0; }).base() -
        p.begin() - 1);
    double sum = 0;
    size_t begin = 0;
    for (size_t j = 0; j <= last; ++j) {
      sum += p[j];
      const auto cut = static_cast<size_t>(std::floor(sum * static_cast<double>(members.size())));
      // Rounding must not hand the rest of a class to a client that the rule left out.
      const size_t end = j == last ? members.size() : std::clamp(cut, begin, members.size());
      shards[j].insert(shards[j].end(), members.begin() + static_cast<int64_t>(begin),
                       members.begin() + static_cast<int64_t>(end));
      begin = end;
    }
  }
  return shards;
}

}  // namespace

Shards deal_dirichlet(const Deal& deal) {
  const int64_t least = deal.options.integer("min_size");
  const auto images = static_cast<int64_t>(deal.indices.size());
  if (least > images / deal.clients)
    fail(ErrorKind::kUsage,
         "[partition] dirichlet: min_size {} x {} clients is more than the {} images; lower "
         "min_size or the clients",
         least, deal.clients, images);
  std::vector<std::vector<int64_t>> by_class(static_cast<size_t>(deal.classes));
  for (const int64_t i : deal.indices)
    by_class[static_cast<size_t>(deal.labels[static_cast<size_t>(i)])].push_back(i);
  size_t best = 0;
  for (int k = 0; k < kAttempts; ++k) {
    Shards shards = attempt(deal, by_class);
    const size_t smallest =
        std::min_element(shards.begin(), shards.end(), [](const auto& a, const auto& b) {
          return a.size() < b.size();
        })->size();
    if (smallest >= static_cast<size_t>(least)) {
      for (std::vector<int64_t>& shard : shards) deal.random.shuffle(std::span<int64_t>(shard));
      return shards;
    }
    best = std::max(best, smallest);
  }
  fail(ErrorKind::kUsage,
       "[partition] dirichlet: in {} draws the smallest client never had min_size {} images (at "
       "best {}); raise alpha {} or lower min_size or the {} clients",
       kAttempts, least, best, deal.options.real("alpha"), deal.clients);
}

}  // namespace fedcamae
