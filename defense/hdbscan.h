// HDBSCAN of a few points (Campello, Moulavi, Zimek, Sander, ACM TKDD 2015), to the labels of the
// package hdbscan: density clusters of every scale, of which the most persistent are chosen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fedcamae {

struct HdbscanSpec {
  int64_t min_cluster_size = 2;  // >= 2: fewer points that split off are noise
  int64_t min_samples = 1;  // >= 1: the neighbour, the point itself not counted, whose distance
                            // is a point's core distance; the last one where there are fewer
  bool allow_single_cluster = false;  // all points' cluster may be chosen; its members are those
                                      // that stay in it to its end
};
struct HdbscanResult {
  std::vector<int64_t> labels;  // clusters are counted by their first points, from 0; -1: noise
  // The distance at which each point leaves the last cluster that it belongs to: the smaller, the
  // denser is the place where it lies.
  std::vector<double> leaves;
};
// distances [n * n]: symmetric, finite, >= 0, the diagonal 0. O(n^2) memory and O(n^2 log n) time.
// Of fewer than two points: noise that leaves at 0.
HdbscanResult hdbscan(std::span<const double> distances, const HdbscanSpec& spec);

}  // namespace fedcamae
