// All defenses by name, with options, defaults and sources.
#pragma once

#include <vector>

#include "fl/defense.h"

namespace fedcamae {

const std::vector<DefenseInfo>& defenses();

}  // namespace fedcamae
