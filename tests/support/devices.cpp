#include "tests/support/devices.h"

#include <cstdlib>

#include "core/error.h"

namespace fedcamae::testing {
namespace {

std::string device_name() {
  const char* name = std::getenv("FEDCAMAE_TEST_DEVICE");
  return name == nullptr || *name == '\0' ? "cpu" : name;
}

}  // namespace

ContextOptions device_options(int threads) {
  return {.device = parse_device(device_name()), .threads = threads, .poison = true};
}

ContextOptions cpu_options(int threads) {
  return {.device = {.type = DeviceType::kCpu, .index = 0}, .threads = threads, .poison = true};
}

std::string missing_device() {
  try {
    (void)parse_device(device_name());
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::vector<ContextOptions> test_devices() {
  if (device_options(1).device.type != DeviceType::kCpu) return {device_options(1)};
  return {cpu_options(1), cpu_options(3)};
}

}  // namespace fedcamae::testing
