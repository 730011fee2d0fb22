// The main of every test program. Where FEDCAMAE_ISA asks for a level that this machine cannot run,
// or FEDCAMAE_TEST_DEVICE for a device that it does not have, there is nothing to test: ctest
// counts exit code 77 as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>

#include "core/cpu/kernels.h"
#include "tests/support/devices.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  const char* level = std::getenv("FEDCAMAE_ISA");
  if (level != nullptr && *level != '\0' && fedcamae::cpu::find_cpu_kernels(level) == nullptr) {
    std::printf("skipped: FEDCAMAE_ISA=%s is not a level of this machine\n", level);
    return kSkipped;
  }
  const std::string missing = fedcamae::testing::missing_device();
  if (!missing.empty()) {
    std::printf("skipped: %s\n", missing.c_str());
    return kSkipped;
  }
  return doctest::Context(argc, argv).run();
}
