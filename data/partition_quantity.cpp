// Quantity skew (Li et al., NIID-Bench, 2022): client sizes N * q with q ~ Dirichlet(alpha),
// contents at random. The authors draw again until every size is large enough, which may not end;
// here a client below min_size is filled up, image by image, from the one that is largest then.
#include <algorithm>
#include <cmath>

#include "data/partition_rules.h"

namespace fedcamae {

Shards deal_quantity(const Deal& deal) {
  const int64_t least = deal.options.integer("min_size");
  const auto images = static_cast<int64_t>(deal.indices.size());
  if (least > images / deal.clients)
    fail(ErrorKind::kUsage,
         "[partition] quantity: min_size {} x {} clients is more than the {} images; lower "
         "min_size or the clients",
         least, deal.clients, images);
  const std::vector<double> q = deal.random.dirichlet(deal.options.real("alpha"), deal.clients);
  std::vector<int64_t> sizes(q.size());
  double sum = 0;
  int64_t cut = 0;
  for (size_t j = 0; j < q.size(); ++j) {
    sum += q[j];
    const int64_t end =
        j + 1 == q.size()
            ? images
            : std::clamp<int64_t>(
                  static_cast<int64_t>(std::floor(sum * static_cast<double>(images))), cut, images);
    sizes[j] = end - cut;
    cut = end;
  }
  for (int64_t& size : sizes)
    while (size < least) {
      --*std::max_element(sizes.begin(), sizes.end());
      ++size;
    }
  std::vector<int64_t> items = deal.indices;
  deal.random.shuffle(std::span<int64_t>(items));
  Shards shards;
  auto at = items.begin();
  for (const int64_t size : sizes) {
    shards.emplace_back(at, at + size);
    at += size;
  }
  return shards;
}

}  // namespace fedcamae
