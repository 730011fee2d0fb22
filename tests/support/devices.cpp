#include "tests/support/devices.h"

#include <cstdio>
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

bool skip_on_cpu() {
  if (device_options(1).device.type != DeviceType::kCpu) return false;
  std::printf("skipped: the device under test is the CPU; FEDCAMAE_TEST_DEVICE=cuda compares\n");
  return true;
}

std::vector<ContextOptions> test_devices() {
  if (device_options(1).device.type != DeviceType::kCpu) return {device_options(1)};
  return {cpu_options(1), cpu_options(3)};
}

}  // namespace fedcamae::testing
