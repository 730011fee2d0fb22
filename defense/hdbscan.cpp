#include "defense/hdbscan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace fedcamae {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

// max(core_i, core_j, distance): what is sparse is moved away from everything.
std::vector<double> mutual_reachability(std::span<const double> distances, size_t n,
                                        int64_t min_samples) {
  const size_t neighbour = std::min(static_cast<size_t>(min_samples), n - 1);
  std::vector<double> core, reach(distances.begin(), distances.end());
  for (size_t i = 0; i < n; ++i) {
    std::vector<double> row(distances.begin() + static_cast<std::ptrdiff_t>(i * n),
                            distances.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
    std::sort(row.begin(), row.end());  // its own 0 first
    core.push_back(row[neighbour]);
  }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      reach[i * n + j] = std::max({reach[i * n + j], core[i], core[j]});
  return reach;
}

struct Edge {
  size_t a, b;
  double length;
};
// Prim's from point 0, the shortest edges first.
std::vector<Edge> spanning_tree(const std::vector<double>& reach, size_t n) {
  std::vector<Edge> tree;
  std::vector<Edge> nearest(n, {0, 0, kFar});  // to what is in the tree
  std::vector<bool> in_tree(n, false);
  for (size_t added = 0; tree.size() + 1 < n;) {
    in_tree[added] = true;
    size_t next = n;
    for (size_t i = 0; i < n; ++i) {
      if (in_tree[i]) continue;
      if (reach[added * n + i] < nearest[i].length) nearest[i] = {added, i, reach[added * n + i]};
      if (next == n || nearest[i].length < nearest[next].length) next = i;
    }
    tree.push_back(nearest[next]);
    added = next;
  }
  std::stable_sort(tree.begin(), tree.end(),
                   [](const Edge& x, const Edge& y) { return x.length < y.length; });
  return tree;
}

// Single linkage: nodes 0 ... n - 1 are the points, n + k is the k-th union, 2 n - 2 holds all.
struct Hierarchy {
  size_t points;
  std::vector<Edge> unions;   // of which two nodes
  std::vector<size_t> sizes;  // of nodes

  std::vector<size_t> members(size_t node) const {
    std::vector<size_t> found, open = {node};
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      if (at < points) {
        found.push_back(at);
        continue;
      }
      open.push_back(unions[at - points].a);
      open.push_back(unions[at - points].b);
    }
    return found;
  }
};
Hierarchy single_linkage(const std::vector<Edge>& tree, size_t n) {
  Hierarchy hierarchy{n, {}, std::vector<size_t>(n, 1)};
  std::vector<size_t> node(n);  // that a point is in
  std::iota(node.begin(), node.end(), size_t{0});
  for (const Edge& edge : tree) {
    const size_t a = node[edge.a], b = node[edge.b], joined = hierarchy.sizes.size();
    hierarchy.unions.push_back({a, b, edge.length});
    hierarchy.sizes.push_back(hierarchy.sizes[a] + hierarchy.sizes[b]);
    for (size_t& at : node)
      if (at == a || at == b) at = joined;
  }
  return hierarchy;
}

// The condensed tree: a cluster goes on, losing points, until it splits in two or ends.
struct Cluster {
  size_t parent;
  double birth;          // the distance at which it split off; infinite for all points' cluster
  double end = kFar;     // the smallest distance at which anything left it
  double stability = 0;  // the sum over its points of 1 / distance at leaving - 1 / birth
  std::vector<size_t> children = {};
  bool chosen = false;  // unless one above it is
};
struct Condensed {
  std::vector<Cluster> clusters;  // parents before children; 0 holds all points
  std::vector<size_t> last;       // the last cluster of a point
  std::vector<double> leaves;     // and the distance at which it leaves
};

Condensed condense(const Hierarchy& hierarchy, size_t min_size) {
  const size_t n = hierarchy.points;
  Condensed tree{{{.parent = 0, .birth = kFar}}, std::vector<size_t>(n), std::vector<double>(n)};
  struct Step {
    size_t node, cluster;
  };
  std::vector<Step> open = {{2 * n - 2, 0}};
  while (!open.empty()) {
    const Step step = open.back();
    open.pop_back();
    const Edge& split = hierarchy.unions[step.node - n];
    const bool two = std::min(hierarchy.sizes[split.a], hierarchy.sizes[split.b]) >= min_size;
    for (const size_t node : {split.a, split.b}) {
      const bool goes_on = hierarchy.sizes[node] >= min_size;
      if (goes_on && !two) {
        open.push_back({node, step.cluster});
        continue;
      }
      Cluster& cluster = tree.clusters[step.cluster];
      cluster.end = std::min(cluster.end, split.length);
      cluster.stability +=
          static_cast<double>(hierarchy.sizes[node]) * (1 / split.length - 1 / cluster.birth);
      if (goes_on) {
        cluster.children.push_back(tree.clusters.size());
        open.push_back({node, tree.clusters.size()});
        tree.clusters.push_back({.parent = step.cluster, .birth = split.length});
        continue;
      }
      for (const size_t point : hierarchy.members(node)) {
        tree.last[point] = step.cluster;
        tree.leaves[point] = split.length;
      }
    }
  }
  return tree;
}

// Excess of mass: from the leaves up, a cluster or what is chosen below it, whichever is more
// stable; of equals the cluster.
void choose(std::vector<Cluster>& clusters, bool allow_single_cluster) {
  std::vector<double> best(clusters.size());
  for (size_t c = clusters.size(); c-- > 0;) {
    Cluster& cluster = clusters[c];
    double below = 0;
    for (const size_t child : cluster.children) below += best[child];
    cluster.chosen = below <= cluster.stability && (c > 0 || allow_single_cluster);
    best[c] = std::max(cluster.stability, below);
  }
}

// The chosen cluster that holds a point; none: the number of clusters.
size_t home_of(const Condensed& tree, size_t point) {
  size_t home = tree.clusters.size();
  for (size_t c = tree.last[point];; c = tree.clusters[c].parent) {
    if (tree.clusters[c].chosen) home = c;  // the uppermost counts
    if (c == 0) break;
  }
  return home == 0 && tree.leaves[point] > tree.clusters[0].end ? tree.clusters.size() : home;
}

}  // namespace

HdbscanResult hdbscan(std::span<const double> distances, const HdbscanSpec& spec) {
  const auto n =
      static_cast<size_t>(std::llround(std::sqrt(static_cast<double>(distances.size()))));
  check(n * n == distances.size(), "[hdbscan] {} distances are no square table", distances.size());
  check(spec.min_cluster_size >= 2 && spec.min_samples >= 1,
        "[hdbscan] min_cluster_size is 2 at least, min_samples 1; got {} and {}",
        spec.min_cluster_size, spec.min_samples);
  if (n < 2) return {std::vector<int64_t>(n, -1), std::vector<double>(n, 0.0)};
  const std::vector<double> reach = mutual_reachability(distances, n, spec.min_samples);
  Condensed tree = condense(single_linkage(spanning_tree(reach, n), n),
                            static_cast<size_t>(spec.min_cluster_size));
  choose(tree.clusters, spec.allow_single_cluster);

  HdbscanResult result{std::vector<int64_t>(n, -1), tree.leaves};
  std::vector<int64_t> numbers(tree.clusters.size(), -1);
  int64_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    const size_t home = home_of(tree, i);
    if (home == numbers.size()) continue;
    if (numbers[home] < 0) numbers[home] = count++;
    result.labels[i] = numbers[home];
  }
  return result;
}

}  // namespace fedcamae
