// Full-size networks against torchvision, figures printed. tools/make_golden.py runs them in
// float64 and, for comparison, in PyTorch's own float32; its dump is far too large to commit, so
// that the slow tests make it themselves.
#pragma once

#include <cstdint>
#include <string>

namespace fedcamae::testing {

struct ParityCase {
  std::string arch;
  int64_t size = 32;       // side of the images
  int64_t batch = 16;      // images
  uint64_t stream = 1000;  // which images
  int64_t runs = 1;        // float32 runs, each with the images in another order
  // What the float64 run must keep away from zero at every ReLU of the first step: there, float32
  // may fall to either side, and the gradients would compare luck.
  double margin = 0;
};

// Checks logits, loss, gradients, statistics and the weights after a few steps of each optimiser,
// and prints a line for each.
void check_parity(const ParityCase& c);

}  // namespace fedcamae::testing
