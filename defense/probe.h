// The images that the server shows to every uploaded model.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/image_io.h"
#include "fl/defense.h"

namespace fedcamae {

constexpr int64_t kMostProbes = 100;

struct ProbeSpec {
  std::optional<Picture> fixed = {};  // none: random images of the server's, new ones each round
  int64_t label = -1;                 // the class of the fixed picture; -1: not known
  int64_t count = 1;                  // random images; 0: all that the server holds, kMostProbes at
                                      // most, of each class as many as of any other if it can be
  int64_t size = 224;                 // side that they are resized to, pixels; 0: their own height
};

struct Probe {
  Tensor images;                // [count, size, size, 3], normalised like the training images
  std::vector<int32_t> labels;  // one per image; -1: not known
  std::vector<float> picture;   // the first one, [size, size, 3] in [0, 1]
};
// Throws Error{kUsage} where the server holds too few images or the model has no such class.
void check_probe(const ProbeSpec& spec, const Model& model, const ServerData& server);
// In the server's context, after the same check.
Probe make_probe(const ProbeSpec& spec, const RoundContext& round);

}  // namespace fedcamae
