// The devices that this build and this machine have; every operation is tested on each of them.
// FEDCAMAE_TEST_DEVICE=cuda puts the GPU (or the fake one) in the place of the CPU.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"

namespace fedcamae::testing {

// Fresh memory of all these contexts is filled with NaN: what an operation leaves unwritten is
// seen.
std::vector<ContextOptions> test_devices();

// The device under test; on the CPU with `threads` threads.
ContextOptions device_options(int threads);
// The CPU with `threads` threads, whatever is under test: what another device is compared with.
ContextOptions cpu_options(int threads);

// Where FEDCAMAE_TEST_DEVICE names a device that cannot be used: why; else empty.
std::string missing_device();

// True, with the reason printed, where the device under test is the CPU: nothing to compare with
// it.
bool skip_on_cpu();

// body(context) for every device; the CPU with 1 and with 3 threads (more than this machine may
// have).
template <class Body>
void on_every_device(const Body& body) {
  for (const ContextOptions& options : test_devices()) {
    Context context(options);
    body(context);
  }
}

}  // namespace fedcamae::testing
