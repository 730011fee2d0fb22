// What a rule remembers from round to round.
#pragma once

#include <cstdint>

namespace fedcamae {

// T is a value: what it holds by reference, as a Tensor does, is replaced and never written to.
template <class T>
class RoundMemory {
 public:
  // Before the work of a round: what the rounds before it left, to be changed in place. Where the
  // latest comes again, because it was interrupted, what it changed is forgotten first.
  T& begin(int64_t round) {
    if (round == round_)
      now_ = before_;
    else
      before_ = now_;
    round_ = round;
    return now_;
  }
  T& now() { return now_; }

 private:
  T now_{}, before_{};  // before_: the latest round
  int64_t round_ = 0;   // the latest
};

}  // namespace fedcamae
