// The one table of every configuration key: what a file is checked against, what config.toml is
// written from. Keys that belong to a chosen type (an attack's, a defense's, a partition's own)
// come from its registry.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"

namespace fedcamae {

struct Section {
  std::string name;
  std::vector<Option> options;
};
const std::vector<Section>& sections();

// A table that names a registered type: [attack], [defense], data.partition.
struct Registered {
  std::string name, doc;
  std::vector<Option> options;
};
struct Choice {
  std::string table;         // "attack"
  std::string default_type;  // where nothing is said
  std::vector<Registered> types;
};
const std::vector<Choice>& choices();

}  // namespace fedcamae
