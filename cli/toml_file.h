// TOML text to flat settings: the only user of toml++.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"

namespace fedcamae {

// One value that somebody wrote. Tables are flattened: "data.partition.alpha". An empty table is a
// setting too, "data.", so that a misspelt one is seen. A list of tables is that setting followed
// by its entries: "study.attacks.", "study.attacks.0.type".
struct Setting {
  std::string key;
  OptionValue value;
  std::string where;  // "configs/x.toml:12", "--set federation.lr=1"
  std::string word;   // as typed, from --set and the environment: a text option takes it as it is
};

// Throws Error{kUsage} with file and line for what is not TOML or not a value we know.
std::vector<Setting> read_toml_file(const std::string& path);
// "key=value": the value as TOML, a bare word as text, a table flattened.
std::vector<Setting> parse_assignment(const std::string& text, const std::string& where);

std::string toml_version();

}  // namespace fedcamae
