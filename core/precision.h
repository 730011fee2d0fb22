// The names of the precisions, and which device has which.
#pragma once

#include <string>

#include "core/context.h"

namespace fedcamae {

// "f32" | "tf32" | "bf16". Throws Error{kUsage} for other text.
Precision parse_precision(const std::string& text);
// Throws Error{kUsage} where `device` does not compute in `precision`.
void check_precision(const Device& device, Precision precision);

}  // namespace fedcamae
