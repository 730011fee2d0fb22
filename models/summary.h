// What a network consists of, for one input shape.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/model.h"

namespace fedcamae {

struct SummaryRow {
  std::string path;    // torchvision's module path
  std::string type;    // "Conv2d", ...
  Shape output;        // of one image, [1, h, w, c] or [1, c]
  int64_t parameters;  // of its own, learnable
  int64_t macs;
};
struct ModelSummary {
  std::vector<SummaryRow> rows;  // every layer that computes, in the order of the forward pass
  std::vector<SummaryRow> taps;  // the layers of Model::layers, with all that is in them
  int64_t parameters = 0;
  // Multiply-adds of one image in convolutions and fully connected layers, those of
  // squeeze-and-excite included; padding counts as if it were image. Batch norm, activations, pools
  // and additions are left out.
  int64_t macs = 0;
};
// Runs one image of zeros [1, height, width, 3] through the model, in evaluation mode.
ModelSummary summarize(Model& model, int64_t height, int64_t width);

}  // namespace fedcamae
