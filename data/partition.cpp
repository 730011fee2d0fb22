#include "data/partition.h"

#include <algorithm>
#include <cmath>

#include "data/files.h"
#include "data/partition_rules.h"

namespace fedcamae {
namespace {

using Rule = Shards (*)(const Deal&);
struct Entry {
  PartitionInfo info;
  Rule rule;
};

constexpr double kMostAlpha = 1e6, kLeastAlpha = 1e-3;

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {{"iid",
        "equal shares at random; sizes differ by at most one",
        "McMahan et al., AISTATS 2017",
        {}},
       deal_iid},
      {{"dirichlet",
        "every class cut by a Dirichlet draw over the clients; who holds N/n images gets no more",
        "Yurochkin et al., ICML 2019; Hsu et al., 2019; balance rule as in FedML",
        {{"alpha", 0.5, "concentration; small = few classes a client", kLeastAlpha, kMostAlpha},
         {"min_size", int64_t{10}, "fewest images of a client", 1}}},
       deal_dirichlet},
      {{"shards",
        "images sorted by label, cut into clients x shards_per_client pieces, dealt at random",
        "McMahan et al., AISTATS 2017",
        {{"shards_per_client", int64_t{2}, "pieces of the sorted images a client gets", 1}}},
       deal_shards},
      {{"quantity",
        "shares of Dirichlet sizes, contents at random; who is below min_size is filled up from "
        "the largest",
        "Li et al. (NIID-Bench), ICDE 2022",
        {{"alpha", 0.5, "concentration; small = very unequal sizes", kLeastAlpha, kMostAlpha},
         {"min_size", int64_t{10}, "fewest images of a client", 1}}},
       deal_quantity}};
  return all;
}

const Entry& find(const std::string& type) {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    if (entry.info.name == type) return entry;
    names.push_back(entry.info.name);
  }
  const std::string near = nearest(type, names);
  fail(ErrorKind::kUsage, "[partition] no type '{}'{}; `fedcamae list partitions` shows them", type,
       near.empty() ? "" : ", did you mean '" + near + "'?");
}

std::string hash_of(const Shards& shards) {
  Hasher hasher;
  for (const std::vector<int64_t>& shard : shards) {
    const auto size = static_cast<int64_t>(shard.size());
    hasher.add(&size, sizeof size);
    hasher.add(shard.data(), shard.size() * sizeof(int64_t));
  }
  return hasher.hex();
}

}  // namespace

Shards cut_evenly(const std::vector<int64_t>& items, int64_t parts) {
  const auto size = static_cast<int64_t>(items.size());
  Shards pieces;
  auto at = items.begin();
  for (int64_t j = 0; j < parts; ++j) {
    const int64_t length = size / parts + (j < size % parts ? 1 : 0);
    pieces.emplace_back(at, at + length);
    at += length;
  }
  return pieces;
}

const std::vector<PartitionInfo>& partitions() {
  static const std::vector<PartitionInfo> infos = [] {
    std::vector<PartitionInfo> list;
    for (const Entry& entry : entries()) list.push_back(entry.info);
    return list;
  }();
  return infos;
}

Partition make_partition(const std::string& type, const Options& options,
                         const std::vector<int32_t>& labels, const std::vector<int64_t>& indices,
                         int64_t classes, int64_t clients, uint64_t seed) {
  const Entry& entry = find(type);
  Options settings(entry.info.options);
  for (const Option& option : options.declared())
    settings.set(option.name, options.value(option.name));
  if (clients < 1)
    fail(ErrorKind::kUsage, "[partition] clients must be at least 1, got {}", clients);
  if (clients > static_cast<int64_t>(indices.size()))
    fail(ErrorKind::kUsage,
         "[partition] {} images are fewer than {} clients; lower federation.clients",
         indices.size(), clients);
  for (const int64_t i : indices) {
    check(i >= 0 && i < static_cast<int64_t>(labels.size()), "[partition] image {} of {}", i,
          labels.size());
    const int32_t label = labels[static_cast<size_t>(i)];
    check(label >= 0 && label < classes, "[partition] label {} of image {}, but {} classes", label,
          i, classes);
  }
  Random random({.seed = seed, .purpose = Purpose::kPartition});
  Partition partition;
  partition.shards = entry.rule({labels, indices, classes, clients, settings, random});
  partition.hash = hash_of(partition.shards);
  return partition;
}

std::string Partition::report(const std::vector<int32_t>& labels, int64_t classes) const {
  std::string text;
  for (size_t j = 0; j < shards.size(); ++j) {
    std::vector<int64_t> counts(static_cast<size_t>(classes), 0);
    for (const int64_t i : shards[j])
      ++counts.at(static_cast<size_t>(labels.at(static_cast<size_t>(i))));
    double entropy = 0;
    for (const int64_t count : counts) {
      if (count == 0) continue;
      const double share = static_cast<double>(count) / static_cast<double>(shards[j].size());
      entropy -= share * std::log2(share);
    }
    // Adding zero turns the -0 of a one-class client into 0.
    text += fmt::format("client {}: {} images, label entropy {:.3f} bits, per class", j,
                        shards[j].size(), entropy + 0.0);
    for (const int64_t count : counts) text += fmt::format(" {}", count);
    text += '\n';
  }
  return text + "partition hash " + hash + '\n';
}

}  // namespace fedcamae
