#include "cli/images.h"

#include <algorithm>
#include <cmath>

#include "data/image_io.h"

namespace fedcamae {

std::vector<float> read_square(const std::string& path, int64_t size) {
  return resize_and_crop(read_picture(path), size);
}

Tensor network_input(const std::vector<float>& square, int64_t size,
                     const Normalization& normalization, Context& context) {
  std::vector<float> values(square.size());
  for (size_t i = 0; i < square.size(); ++i)
    values[i] = (square[i] - normalization.mean[i % 3]) / normalization.std[i % 3];
  return Tensor::from(context, {1, size, size, 3}, values);
}

uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255.0f));
}

}  // namespace fedcamae
