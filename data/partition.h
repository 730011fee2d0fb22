// How the training images are dealt to the clients.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"

namespace fedcamae {

struct Partition {
  std::vector<std::vector<int64_t>> shards;  // indices into the training set, one list per client
  std::string hash;                          // of the shards
  // One line a client: count, label entropy in bits, counts per class; then the hash.
  std::string report(const std::vector<int32_t>& labels, int64_t classes) const;
};

struct PartitionInfo {
  std::string name, doc, source;
  std::vector<Option> options;
};
const std::vector<PartitionInfo>& partitions();  // iid, dirichlet, shards, quantity

// `indices`: the training images that may be dealt. Always ends: a partition that cannot be had
// (fewer images than clients need) throws Error{kUsage} saying why.
Partition make_partition(const std::string& type, const Options& options,
                         const std::vector<int32_t>& labels, const std::vector<int64_t>& indices,
                         int64_t classes, int64_t clients, uint64_t seed);

}  // namespace fedcamae
