#include "defense/vote.h"

#include <algorithm>

namespace fedcamae {

bool Vote::excludes(int64_t client, bool flagged) {
  std::deque<bool>& flags = flags_.now()[client];
  flags.push_back(flagged);
  if (flags.size() > b_) flags.pop_front();
  const auto bad = static_cast<size_t>(std::count(flags.begin(), flags.end(), true));
  return bad >= (flags.size() + 2) / 2;  // ceil((h + 1) / 2)
}

}  // namespace fedcamae
