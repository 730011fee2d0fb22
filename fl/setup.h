// What is fixed before the first round: who is malicious, whose images are whose.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "fl/federation.h"

namespace fedcamae {

// Throws Error{kUsage} naming the setting that cannot be.
void check_spec(const FederationSpec& spec, const Dataset& dataset);

// Sorted ids in [0, clients): a seeded choice, so an id says nothing about guilt.
std::vector<int64_t> choose_attackers(const FederationSpec& spec);
// Sorted ids of who takes part in a round: round(fraction * clients) of them, at least one.
std::vector<int64_t> sample_clients(const FederationSpec& spec, int64_t round);

struct Split {
  std::vector<int64_t> server, clients;  // indices into the training part, disjoint, sorted
  std::vector<int64_t> test;             // into the test part, sorted
};
// The server's images first: one of each class in turn, while there are any, so that classes come
// as evenly as they can. Then the clients' images and the test subset.
Split split_images(const FederationSpec& spec, const Dataset& dataset);

}  // namespace fedcamae
