// Label shards of McMahan et al. (2017): sorted by label (equal labels in random order), cut into
// clients x shards_per_client pieces, each client gets that many at random.
#include <algorithm>

#include "data/partition_rules.h"

namespace fedcamae {

Shards deal_shards(const Deal& deal) {
  const int64_t each = deal.options.integer("shards_per_client");
  const auto images = static_cast<int64_t>(deal.indices.size());
  if (each > images / deal.clients)
    fail(ErrorKind::kUsage,
         "[partition] shards: {} images cannot be cut into {} clients x {} shards; lower "
         "shards_per_client or the clients",
         images, deal.clients, each);
  std::vector<int64_t> items = deal.indices;
  deal.random.shuffle(std::span<int64_t>(items));
  std::stable_sort(items.begin(), items.end(), [&](int64_t a, int64_t b) {
    return deal.labels[static_cast<size_t>(a)] < deal.labels[static_cast<size_t>(b)];
  });
  const Shards pieces = cut_evenly(items, deal.clients * each);
  const std::vector<int64_t> order = deal.random.permutation(deal.clients * each);
  Shards shards(static_cast<size_t>(deal.clients));
  for (size_t k = 0; k < order.size(); ++k) {
    const std::vector<int64_t>& piece = pieces[static_cast<size_t>(order[k])];
    std::vector<int64_t>& shard = shards[k / static_cast<size_t>(each)];
    shard.insert(shard.end(), piece.begin(), piece.end());
  }
  for (std::vector<int64_t>& shard : shards) deal.random.shuffle(std::span<int64_t>(shard));
  return shards;
}

}  // namespace fedcamae
