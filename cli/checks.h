// Checks of flag values, shared by the commands. All throw Error{kUsage}.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace fedcamae {

// "--optimizer: no 'sdg', did you mean 'sgd'? (sgd, adam, adamw)"
void require_choice(const std::string& flag, const std::string& value,
                    const std::vector<std::string>& choices);
void require_range(const std::string& flag, double value, double low, double high);
std::array<float, 3> parse_triplet(const std::string& flag, const std::string& text);

std::vector<std::string> architecture_names();
std::vector<std::string> dataset_names();

// A file that is to be written: its folder exists or can be made. Error{kData} else.
void require_writable_file(const std::string& path);

}  // namespace fedcamae
