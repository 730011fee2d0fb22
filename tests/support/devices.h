// The devices that this build and this machine have; every operation is tested on each of them.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"

namespace fedcamae::testing {

// Fresh memory of all these contexts is filled with NaN: what an operation leaves unwritten is
// seen.
std::vector<ContextOptions> test_devices();

// The CPU with `threads` threads.
ContextOptions cpu_options(int threads);

// body(context) for every device, with 1 and with 3 threads (more than this machine may have).
template <class Body>
void on_every_device(const Body& body) {
  for (const ContextOptions& options : test_devices()) {
    Context context(options);
    body(context);
  }
}

}  // namespace fedcamae::testing
