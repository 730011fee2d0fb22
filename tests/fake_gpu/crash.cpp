// Host code that touches device memory dies of SIGSEGV; this names the reason before it does.
// A program (doctest, for one) may install its own handler: it is kept, and called after ours.
#include <dlfcn.h>
#include <fmt/format.h>
#include <signal.h>

#include "tests/fake_gpu/device.h"

namespace fake_gpu {
namespace {

struct sigaction of_program;  // zero: the default action

using Sigaction = int(int, const struct sigaction*, struct sigaction*);
Sigaction* real_sigaction() {
  static auto* const real = reinterpret_cast<Sigaction*>(dlsym(RTLD_NEXT, "sigaction"));
  return real;
}

void on_crash(int signal, siginfo_t* info, void* context) {
  if (const Device* device = Device::existing()) {
    const auto* at = static_cast<const std::byte*>(info->si_addr);
    if (device->memory.owns(at))
      print(fmt::format("host code touches device memory at {} ({})", info->si_addr,
                        device->memory.describe(reinterpret_cast<Address>(at))));
    for (const auto& block : device->freed_pinned)
      if (at >= block.data() && at < block.data() + block.size())
        print(fmt::format("host code touches page-locked host memory that was freed, at {}",
                          info->si_addr));
  }
  if (of_program.sa_flags & SA_SIGINFO) return of_program.sa_sigaction(signal, info, context);
  if (of_program.sa_handler != SIG_DFL && of_program.sa_handler != SIG_IGN)
    return of_program.sa_handler(signal);
  struct sigaction fall = {};
  real_sigaction()(signal, &fall, nullptr);  // the instruction runs again and kills the program
}

__attribute__((constructor)) void start() {
  struct sigaction ours = {};
  ours.sa_sigaction = on_crash;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  real_sigaction()(SIGSEGV, &ours, nullptr);
}

}  // namespace
}  // namespace fake_gpu

extern "C" __attribute__((visibility("default"))) int sigaction(int signal,
                                                                const struct sigaction* action,
                                                                struct sigaction* before) noexcept {
  using namespace fake_gpu;
  if (signal != SIGSEGV) return real_sigaction()(signal, action, before);
  if (before) *before = of_program;
  if (action) of_program = *action;
  return 0;
}
