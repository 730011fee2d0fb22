// Pixels to normalised floats, with the random crop and flip of training in the same pass.
#pragma once

#include <array>
#include <cstdint>

#include "data/dataset.h"
#include "data/loader.h"

namespace fedcamae {

// (v / 255 - mean) / std for every byte value and channel.
class NormalizationTable {
 public:
  explicit NormalizationTable(const Normalization& normalization);
  float operator()(int channel, uint8_t v) const { return table_[static_cast<size_t>(channel)][v]; }

 private:
  std::array<std::array<float, 256>, 3> table_;
};

// What chance decided for one image: the crop begins at row `dy` and column `dx` of the image
// counted without padding, in [-padding, padding].
struct AugmentDraw {
  int64_t dy = 0, dx = 0;
  bool flip = false;
};
// Keyed by (seed, round, client, epoch, sample): nothing else moves it.
AugmentDraw draw_augment(const LoaderSpec& spec, int64_t epoch, int64_t sample);

// image uint8 [height, width, 3] -> out float [height, width, 3]. Outside the image the padding
// reflects without repeating the edge (PyTorch's "reflect"); the flip comes after the crop.
void transform_image(const uint8_t* image, int64_t height, int64_t width, const AugmentDraw& draw,
                     const NormalizationTable& table, float* out);

// One 64-bit seed out of a seed and two counters (SplitMix64's finaliser, Steele et al., 2014).
uint64_t mix_seed(uint64_t seed, uint64_t a, uint64_t b);

}  // namespace fedcamae
