// The names of what a context may be asked for, and which device has which precision.
#pragma once

#include <string>

#include "core/context.h"

namespace fedcamae {

// "f32" | "tf32" | "bf16". Throws Error{kUsage} for other text.
Precision parse_precision(const std::string& text);
// "fixed" | "deterministic" | "any". Throws Error{kUsage} for other text.
ConvAlgorithms parse_conv_algorithms(const std::string& text);
// Throws Error{kUsage} where `device` does not compute in `precision`.
void check_precision(const Device& device, Precision precision);

}  // namespace fedcamae
