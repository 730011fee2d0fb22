// Permute, cut into equal parts. The remainder is spread over the first clients, none is dropped.
#include "data/partition_rules.h"

namespace fedcamae {

Shards deal_iid(const Deal& deal) {
  std::vector<int64_t> items = deal.indices;
  deal.random.shuffle(std::span<int64_t>(items));
  return cut_evenly(items, deal.clients);
}

}  // namespace fedcamae
