// The names of the networks.
#include "core/options.h"
#include "models/model.h"
#include "models/network.h"

namespace fedcamae {

const std::vector<ArchInfo>& architectures() {
  static const std::vector<ArchInfo> kArchitectures = {
      {"resnet50", "ResNet-50 with the stride in the 3x3 convolutions, as torchvision's"},
      {"regnet_y_800mf", "RegNetY-800MF, as torchvision's"},
      {"small_cnn", "three 3x3 convolutions (16, 32, 64), for tests and quick studies"},
  };
  return kArchitectures;
}

std::unique_ptr<Network> make_network(const std::string& arch, int64_t classes) {
  if (classes < 1) fail(ErrorKind::kUsage, "model: at least one class, got {}", classes);
  if (arch == "resnet50") return make_resnet({.classes = classes});
  if (arch == "regnet_y_800mf") return make_regnet_y({.classes = classes});
  if (arch == "small_cnn") return make_small_cnn(classes);
  std::vector<std::string> names;
  for (const ArchInfo& info : architectures()) names.push_back(info.name);
  const std::string near = nearest(arch, names);
  fail(ErrorKind::kUsage, "model: '{}' is not known{}; known are {}", arch,
       near.empty() ? "" : ", did you mean '" + near + "'?", fmt::join(names, ", "));
}

}  // namespace fedcamae
