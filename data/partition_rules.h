// What a partition rule is given and one function a rule, each in its own file.
#pragma once

#include <cstdint>
#include <vector>

#include "core/options.h"
#include "core/random.h"

namespace fedcamae {

using Shards = std::vector<std::vector<int64_t>>;

struct Deal {
  const std::vector<int32_t>& labels;  // of the whole training set
  std::vector<int64_t> indices;        // that may be dealt, in the caller's order
  int64_t classes;
  int64_t clients;  // at least 1, at most indices.size()
  const Options& options;
  Random& random;
};

Shards deal_iid(const Deal& deal);
Shards deal_dirichlet(const Deal& deal);
Shards deal_shards(const Deal& deal);
Shards deal_quantity(const Deal& deal);

// `items` cut into `parts` contiguous pieces; the first pieces are one longer where it does not
// divide.
Shards cut_evenly(const std::vector<int64_t>& items, int64_t parts);

}  // namespace fedcamae
