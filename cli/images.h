// Image files to network inputs, for predict and explain.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/dataset.h"

namespace fedcamae {

// The centre crop [size, size, 3] in [0, 1].
std::vector<float> read_square(const std::string& path, int64_t size);
// (x - mean) / std of one crop, as a batch [1, size, size, 3].
Tensor network_input(const std::vector<float>& square, int64_t size,
                     const Normalization& normalization, Context& context);
// To uint8, rounded, clamped to [0, 1] first.
uint8_t to_byte(float value);

}  // namespace fedcamae
