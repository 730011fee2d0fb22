#include "cli/signals.h"

#include <unistd.h>
#include <csignal>

namespace fedcamae {
namespace {

volatile std::sig_atomic_t noted = 0;
volatile std::sig_atomic_t only_note = 0;

void handle(int signal) {
  if (only_note == 0 || noted != 0) _exit(128 + signal);
  noted = signal;
}

void install() {
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

void leave_on_signals() {
  only_note = 0;
  install();
}
void note_signals() {
  only_note = 1;
  install();
}
int noted_signal() { return noted; }

}  // namespace fedcamae
