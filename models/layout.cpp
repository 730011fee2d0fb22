#include "models/layout.h"

namespace fedcamae {
namespace {

// move(index in [O, I, H, W], index in [K, R, S, C]) for every number of a convolution's weight.
template <class Move>
void for_each_number(const Shape& s, const Move& move) {
  const int64_t taps = s[1] * s[2], inputs = s[3];
  for (int64_t k = 0; k < s[0]; ++k)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t c = 0; c < inputs; ++c)
        move(static_cast<size_t>((k * inputs + c) * taps + tap),
             static_cast<size_t>((k * taps + tap) * inputs + c));
}

void check_size(const StateEntry& entry, std::span<const float> values) {
  check(static_cast<int64_t>(values.size()) == entry.shape.size(), "[{}] {} numbers, got {}",
        entry.name, entry.shape.size(), values.size());
}

}  // namespace

std::vector<float> to_torch_order(const StateEntry& entry, std::span<const float> stored) {
  check_size(entry, stored);
  std::vector<float> torch(stored.begin(), stored.end());
  if (entry.shape.rank() == 4)
    for_each_number(entry.shape, [&](size_t at, size_t from) { torch[at] = stored[from]; });
  return torch;
}

std::vector<float> from_torch_order(const StateEntry& entry, std::span<const float> torch) {
  check_size(entry, torch);
  std::vector<float> stored(torch.begin(), torch.end());
  if (entry.shape.rank() == 4)
    for_each_number(entry.shape, [&](size_t from, size_t at) { stored[at] = torch[from]; });
  return stored;
}

}  // namespace fedcamae
