// Weight files: safetensors (8-byte little-endian header length, JSON header, raw data), names and
// shapes as torchvision's state dictionary, values float32, counters I64 of shape [].
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "models/model.h"

namespace fedcamae {

// What the network was trained with; travels in the file's __metadata__.
struct WeightInfo {
  std::string model;
  int64_t classes = 0;
  int64_t size = 0;  // side of the training images in pixels, 0 = unknown
  std::optional<std::array<float, 3>> mean, std;  // normalisation per channel, images in [0, 1]
};

// Writes atomically (temporary file, rename).
void save_weights(const std::string& path, const Model& model, const WeightInfo& info);

struct LoadOptions {
  bool new_head = false;  // keep the model's own head where only the head's size differs
};
// Strict in both directions: every entry present, no entry unknown, shapes equal; missing
// num_batches_tracked entries are read as 0. Throws Error{kData} naming file, tensor and rule.
WeightInfo load_weights(const std::string& path, Model& model, const LoadOptions& options = {});

}  // namespace fedcamae
