// SIGINT and SIGTERM: leave at once, or finish what is whole first.
#pragma once

namespace fedcamae {

// From here on a signal ends the program at once with 128 + its number (130, 143).
void leave_on_signals();
// From here on the first signal is only noted; a second one ends the program at once.
void note_signals();
int noted_signal();  // its number, 0 for none

}  // namespace fedcamae
