// A module's state as flat buffers: one for the parameters, one for their gradients, one for the
// batch-norm statistics, all in state-dictionary order; the modules' tensors become windows of
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/module.h"

namespace fedcamae {

enum class EntryKind { kParameter, kStatistic, kCounter };
// One line of the state dictionary, under torchvision's name and PyTorch's shape.
struct StateEntry {
  std::string name;
  EntryKind kind = EntryKind::kParameter;
  std::vector<int64_t> torch_shape;  // [O, I, H, W] for convolutions, [] for counters
  Shape shape;                       // as stored: [K, R, S, C] for convolutions
  int64_t offset = 0;                // in elements, into its flat buffer (or the counter's index)
};

struct FlatState {
  std::vector<StateEntry> entries;
  Tensor parameters, gradients;  // [P]
  Tensor statistics;             // [S]
  std::vector<int64_t> counters;
};
// Allocates the buffers, numbers not initialised, and binds every parameter, statistic and counter
// below `module` to them. `counters` is bound by address: move the result, never resize it.
FlatState bind_flat_state(Module& module, Context& context);

// Binds them to `state` anew, after other tensors of the same sizes have been put there.
void rebind_flat_state(Module& module, FlatState& state);

// Module::initialize for `module` and everything below it, in state-dictionary order.
void initialize_all(Module& module, Random& random);

}  // namespace fedcamae
