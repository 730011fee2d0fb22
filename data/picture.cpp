// Pictures in and out by stb, and their resize.
#include <stb_image.h>
#include <stb_image_write.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/error.h"
#include "data/files.h"
#include "data/image_io.h"

namespace fedcamae {

Picture read_picture(const std::string& path) {
  constexpr int64_t kMostPixels = int64_t{1} << 26;
  const Bytes bytes = read_file(path);
  if (bytes.size() > size_t{1} << 30)
    fail(ErrorKind::kData, "[image] {}: larger than 1 GiB; pass a smaller image", path);
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) != 0 &&
      int64_t{width} * height > kMostPixels)
    fail(ErrorKind::kData, "[image] {}: {}x{} pixels are more than {}; pass a smaller image", path,
         width, height, kMostPixels);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3), stbi_image_free);
  if (pixels == nullptr)
    fail(ErrorKind::kData, "[image] {}: cannot be decoded ({}); pass a PNG, JPEG or BMP image",
         path, stbi_failure_reason());
  Picture picture{.height = height, .width = width, .pixels = {}};
  picture.pixels.assign(pixels.get(), pixels.get() + picture.height * picture.width * 3);
  return picture;
}

void write_png(const std::string& path, const Picture& picture) {
  check(picture.height > 0 && picture.width > 0 &&
            static_cast<int64_t>(picture.pixels.size()) == picture.height * picture.width * 3,
        "[image] {}x{} picture with {} bytes", picture.height, picture.width,
        picture.pixels.size());
  const int width = static_cast<int>(picture.width);
  if (stbi_write_png(path.c_str(), width, static_cast<int>(picture.height), 3,
                     picture.pixels.data(), 3 * width) == 0)
    fail(ErrorKind::kData, "[image] {}: cannot be written; check the folder and the free space",
         path);
}

namespace {

// Source position of one output row or column, in float as PyTorch computes it.
struct Tap {
  int64_t low, high;
  float weight;  // of `high`
};
Tap tap(int64_t out, int64_t in_size, int64_t out_size) {
  const float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
  const float x = std::max(0.0f, scale * (static_cast<float>(out) + 0.5f) - 0.5f);
  const int64_t low = std::min(static_cast<int64_t>(x), in_size - 1);
  return {low, std::min(low + 1, in_size - 1), x - static_cast<float>(low)};
}

}  // namespace

std::vector<float> resize_and_crop(const Picture& picture, int64_t side) {
  check(side > 0 && picture.height > 0 && picture.width > 0, "[image] resize {}x{} to {}",
        picture.height, picture.width, side);
  const int64_t shorter = std::min(picture.height, picture.width);
  const int64_t height = picture.height * side / shorter, width = picture.width * side / shorter;
  const int64_t top = (height - side) / 2, left = (width - side) / 2;
  std::vector<float> out(static_cast<size_t>(side * side * 3));
  const auto at = [&](int64_t y, int64_t x, int64_t c) {
    return static_cast<float>(
               picture.pixels[static_cast<size_t>((y * picture.width + x) * 3 + c)]) /
           255.0f;
  };
  for (int64_t y = 0; y < side; ++y) {
    const Tap v = tap(y + top, picture.height, height);
    for (int64_t x = 0; x < side; ++x) {
      const Tap h = tap(x + left, picture.width, width);
      for (int64_t c = 0; c < 3; ++c)
        out[static_cast<size_t>((y * side + x) * 3 + c)] =
            (1 - v.weight) *
                ((1 - h.weight) * at(v.low, h.low, c) + h.weight * at(v.low, h.high, c)) +
            v.weight * ((1 - h.weight) * at(v.high, h.low, c) + h.weight * at(v.high, h.high, c));
    }
  }
  return out;
}

}  // namespace fedcamae
