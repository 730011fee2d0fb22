#include "data/augment.h"

#include "core/random.h"

namespace fedcamae {

NormalizationTable::NormalizationTable(const Normalization& normalization) {
  for (size_t c = 0; c < 3; ++c) {
    check(normalization.std[c] > 0, "[loader] std of channel {} must be positive, got {}", c,
          normalization.std[c]);
    for (size_t v = 0; v < 256; ++v)
      table_[c][v] =
          (static_cast<float>(v) / 255.0f - normalization.mean[c]) / normalization.std[c];
  }
}

uint64_t mix_seed(uint64_t seed, uint64_t a, uint64_t b) {
  for (const uint64_t word : {a, b}) {
    seed = (seed ^ word) + 0x9e3779b97f4a7c15u;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9u;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebu;
    seed ^= seed >> 31;
  }
  return seed;
}

AugmentDraw draw_augment(const LoaderSpec& spec, int64_t epoch, int64_t sample) {
  AugmentDraw draw;
  const int64_t padding = spec.augment.crop_padding;
  if (padding == 0 && spec.augment.flip_probability == 0) return draw;
  Random random({mix_seed(spec.seed, static_cast<uint64_t>(epoch), static_cast<uint64_t>(sample)),
                 Purpose::kAugment, spec.round, spec.client});
  if (padding > 0) {
    const auto range = static_cast<uint64_t>(2 * padding + 1);
    draw.dy = static_cast<int64_t>(random.below(range)) - padding;
    draw.dx = static_cast<int64_t>(random.below(range)) - padding;
  }
  draw.flip = random.uniform() < spec.augment.flip_probability;
  return draw;
}

namespace {

int64_t reflect(int64_t i, int64_t n) {
  if (i < 0) return -i;
  return i < n ? i : 2 * (n - 1) - i;
}

void copy_pixel(const uint8_t* from, const NormalizationTable& table, float* to) {
  to[0] = table(0, from[0]);
  to[1] = table(1, from[1]);
  to[2] = table(2, from[2]);
}

}  // namespace

void transform_image(const uint8_t* image, int64_t height, int64_t width, const AugmentDraw& draw,
                     const NormalizationTable& table, float* out) {
  for (int64_t y = 0; y < height; ++y, out += width * 3) {
    const uint8_t* row = image + reflect(y + draw.dy, height) * width * 3;
    for (int64_t x = 0; x < width; ++x) {
      const int64_t column = reflect((draw.flip ? width - 1 - x : x) + draw.dx, width);
      copy_pixel(row + column * 3, table, out + x * 3);
    }
  }
}

}  // namespace fedcamae
