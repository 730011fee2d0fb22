#include "tests/support/devices.h"

namespace fedcamae::testing {

ContextOptions cpu_options(int threads) {
  return {.device = {.type = DeviceType::kCpu, .index = 0}, .threads = threads, .poison = true};
}

std::vector<ContextOptions> test_devices() { return {cpu_options(1), cpu_options(3)}; }

}  // namespace fedcamae::testing
