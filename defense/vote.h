// Voting over rounds: a client is excluded while most of its last verdicts were bad.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "defense/round_memory.h"

namespace fedcamae {

// Remembers the flags of each client's last b rounds, those in which it took part. Excluded while
// flagged in at least ceil((h + 1) / 2) of them, h <= b being how many there are: a newcomer's
// first flag counts at once, and b = 1 is no voting. (The released code votes by slot, every third
// round.)
class Vote {
 public:
  explicit Vote(int64_t b) : b_(static_cast<size_t>(b)) {}
  // Before the flags of a round. Where the latest comes again, because it was interrupted, what it
  // flagged is forgotten first.
  void begin(int64_t round) { flags_.begin(round); }
  // This round's flag of a client; true where the client is now excluded.
  bool excludes(int64_t client, bool flagged);

 private:
  size_t b_;
  using Flags = std::map<int64_t, std::deque<bool>>;  // by client id, the oldest first
  RoundMemory<Flags> flags_;
};

}  // namespace fedcamae
