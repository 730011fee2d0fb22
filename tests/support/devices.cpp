#include "tests/support/devices.h"

namespace fedcamae::testing {

std::vector<ContextOptions> test_devices() {
  const Device cpu{.type = DeviceType::kCpu, .index = 0};
  return {{.device = cpu, .threads = 1, .poison = true},
          {.device = cpu, .threads = 3, .poison = true}};
}

}  // namespace fedcamae::testing
