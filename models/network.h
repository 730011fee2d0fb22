// The networks. Each reads like its paper's figure; sizes are parameters, so that tests can build
// small ones of the same kind.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/module.h"

namespace fedcamae {

// A place where an activation [N, h, w, c] can be taken.
struct TapPoint {
  std::string name;      // torchvision's module path
  const Module* module;  // whose output it is
};

class Network : public Module {
 public:
  // Images [N, H, W, 3] -> logits [N, classes]; the head is the child "fc".
  virtual std::vector<TapPoint> tap_points() const = 0;  // in the order of the forward pass
  virtual std::string default_tap() const = 0;
};

// Bottleneck ResNet (He et al., CVPR 2016).
struct ResNetSpec {
  int64_t stem = 64;
  std::array<int64_t, 4> planes = {64, 128, 256, 512};  // a stage has 4 x as many channels
  std::array<int64_t, 4> depths = {3, 4, 6, 3};
  int64_t classes = 1000;
};
std::unique_ptr<Network> make_resnet(const ResNetSpec& spec);

// RegNetY (Radosavovic et al., CVPR 2020): the four stages that its rule gives.
struct RegNetSpec {
  int64_t stem = 32;
  std::array<int64_t, 4> widths = {64, 144, 320, 784};
  std::array<int64_t, 4> depths = {1, 3, 8, 2};
  int64_t group_width = 16;
  int64_t classes = 1000;
};
std::unique_ptr<Network> make_regnet_y(const RegNetSpec& spec);

// Three convolutions for tests and quick studies.
std::unique_ptr<Network> make_small_cnn(int64_t classes);

// By name; throws Error{kUsage} with the nearest name for an unknown one.
std::unique_ptr<Network> make_network(const std::string& arch, int64_t classes);

}  // namespace fedcamae
