// Pictures in and out: PNG/JPEG/BMP by stb, float arrays as NumPy .npy.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedcamae {

struct Picture {  // RGB, uint8 [height, width, 3]
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};
Picture read_picture(const std::string& path);  // Error{kData} names the file and stb's reason
void write_png(const std::string& path, const Picture& picture);
// Little-endian float32 C-order .npy, version 1.0.
void write_npy(const std::string& path, std::span<const float> values,
               const std::vector<int64_t>& shape);

// [side, side, 3] floats in [0, 1]: the shorter side to `side` (long side = int(long * side /
// short)), bilinear, half-pixel centres, no antialias, then the centre crop with offset floor((long
// - side)/2).
std::vector<float> resize_and_crop(const Picture& picture, int64_t side);

// matplotlib's "jet" at v in [0, 1], uint8 RGB.
void jet(float v, uint8_t rgb[3]);

}  // namespace fedcamae
