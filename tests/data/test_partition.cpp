#include "data/partition.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

// 10 classes, 1000 images of which every third may not be dealt; class 7 has no image.
struct Images {
  std::vector<int32_t> labels;
  std::vector<int64_t> indices;
  Images() {
    for (int64_t i = 0; i < 1000; ++i) {
      labels.push_back(static_cast<int32_t>(i * i % 10 == 7 ? 1 : (i * 13 / 7) % 10));
      if (labels.back() == 7) labels.back() = 6;
      if (i % 3 != 0) indices.push_back(i);
    }
  }
};

Options options_of(const std::string& type) {
  for (const PartitionInfo& info : partitions())
    if (info.name == type) return Options(info.options);
  FAIL("no partition " << type);
  return {};
}

Partition deal(const std::string& type, const Images& images, int64_t clients, uint64_t seed,
               const Options& options) {
  return make_partition(type, options, images.labels, images.indices, 10, clients, seed);
}

std::vector<size_t> sizes_of(const Partition& partition) {
  std::vector<size_t> sizes;
  for (const auto& shard : partition.shards) sizes.push_back(shard.size());
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

}  // namespace

TEST_CASE("every partition deals each image exactly once and is a function of its seed") {
  const Images images;
  CHECK(partitions().size() == 4);
  for (const PartitionInfo& info : partitions()) {
    CAPTURE(info.name);
    CHECK(!info.doc.empty());
    CHECK(!info.source.empty());
    for (const int64_t clients : {1, 7, 20}) {
      const Partition a = deal(info.name, images, clients, 5, Options(info.options));
      CHECK(a.shards.size() == static_cast<size_t>(clients));
      std::vector<int64_t> dealt;
      for (const auto& shard : a.shards) dealt.insert(dealt.end(), shard.begin(), shard.end());
      std::sort(dealt.begin(), dealt.end());
      CHECK(dealt == images.indices);
      const Partition b = deal(info.name, images, clients, 5, Options(info.options));
      CHECK(a.shards == b.shards);
      CHECK(a.hash == b.hash);
      const Partition c = deal(info.name, images, clients, 6, Options(info.options));
      CHECK(a.hash != c.hash);
    }
  }
}

TEST_CASE("iid: sizes differ by at most one") {
  const Images images;
  const std::vector<size_t> sizes = sizes_of(deal("iid", images, 7, 1, Options()));
  CHECK(sizes.back() - sizes.front() <= 1);
}

TEST_CASE("dirichlet: minimum size, balance rule, skew grows as alpha falls") {
  const Images images;
  Options options = options_of("dirichlet");
  options.set("min_size", int64_t{20});
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const Partition p = deal("dirichlet", images, 10, seed, options);
    CHECK(sizes_of(p).front() >= 20);
    // Who holds N / n = 66.6 images before a class gets nothing of it: without its largest-indexed
    // class a client is always below that.
    for (const auto& shard : p.shards) {
      std::vector<size_t> counts(10);
      for (const int64_t i : shard)
        ++counts[static_cast<size_t>(images.labels[static_cast<size_t>(i)])];
      size_t last = 10;
      while (counts[last - 1] == 0) --last;
      CHECK(static_cast<double>(shard.size() - counts[last - 1]) < 66.6);
    }
  }
  const auto classes_held = [&](double alpha) {
    options.set("alpha", alpha);
    options.set("min_size", int64_t{1});
    std::set<std::pair<size_t, int32_t>> held;
    const Partition p = deal("dirichlet", images, 10, 3, options);
    for (size_t j = 0; j < p.shards.size(); ++j)
      for (const int64_t i : p.shards[j]) held.insert({j, images.labels[static_cast<size_t>(i)]});
    return held.size();
  };
  CHECK(classes_held(0.2) < 60);
  CHECK(classes_held(100.0) > 85);
}

TEST_CASE("dirichlet: a class is cut where cumulated shares of very large alpha say") {
  Images images;
  Options options = options_of("dirichlet");
  options.set("alpha", 1e6);  // all shares are 1/4 within a thousandth
  images.labels.assign(1000, 0);
  const Partition p = deal("dirichlet", images, 4, 1, options);
  for (const size_t size : sizes_of(p)) CHECK(std::abs(static_cast<double>(size) - 166.5) <= 2);
}

TEST_CASE("partitions that cannot be had end with a reason") {
  const Images images;
  Options options = options_of("dirichlet");
  options.set("min_size", int64_t{100});
  check_error(ErrorKind::kUsage, "more than the 666 images",
              [&] { deal("dirichlet", images, 10, 1, options); });
  options.set("min_size", int64_t{66});
  options.set("alpha", 0.01);
  check_error(ErrorKind::kUsage, "raise alpha", [&] { deal("dirichlet", images, 10, 1, options); });
  options = options_of("quantity");
  options.set("min_size", int64_t{67});
  check_error(ErrorKind::kUsage, "min_size 67", [&] { deal("quantity", images, 10, 1, options); });
  options = options_of("shards");
  options.set("shards_per_client", int64_t{67});
  check_error(ErrorKind::kUsage, "shards_per_client",
              [&] { deal("shards", images, 10, 1, options); });
  check_error(ErrorKind::kUsage, "fewer than 667 clients",
              [&] { deal("iid", images, 667, 1, Options()); });
  check_error(ErrorKind::kUsage, "at least 1", [&] { deal("iid", images, 0, 1, Options()); });
  check_error(ErrorKind::kUsage, "did you mean 'dirichlet'",
              [&] { deal("dirichlett", images, 2, 1, Options()); });
}

TEST_CASE("shards: few classes a client; quantity: unequal sizes, never below the minimum") {
  const Images images;
  const Partition shards = deal("shards", images, 10, 2, Options());
  for (const auto& shard : shards.shards) {
    std::set<int32_t> classes;
    for (const int64_t i : shard) classes.insert(images.labels[static_cast<size_t>(i)]);
    CHECK(classes.size() <= 4);  // two pieces of 33 sorted images span at most two classes each
  }
  Options options = options_of("quantity");
  options.set("alpha", 0.1);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<size_t> sizes = sizes_of(deal("quantity", images, 10, seed, options));
    CHECK(sizes.front() >= 10);
    CHECK(sizes.back() > 100);
  }
}

TEST_CASE("report: counts, entropy in bits, hash") {
  Partition p;
  p.shards = {{0, 1, 2, 3}, {4}};
  p.hash = "00ff";
  CHECK(p.report({0, 0, 2, 2, 1}, 3) ==
        "client 0: 4 images, label entropy 1.000 bits, per class 2 0 2\n"
        "client 1: 1 images, label entropy 0.000 bits, per class 0 1 0\n"
        "partition hash 00ff\n");
}
