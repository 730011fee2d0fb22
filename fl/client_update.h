// What a client sends to the server. There is no label of guilt in it.
#pragma once

#include <cstdint>

#include "models/model.h"

namespace fedcamae {

struct ClientUpdate {
  int64_t client = 0;   // id; ids are a seeded permutation and say nothing about guilt
  ModelState state;     // the whole local model, in the context of the worker that trained it
  int64_t samples = 0;  // training images the client claims to hold
  double loss = 0;      // mean training loss the client claims, NaN where it has none
};

}  // namespace fedcamae
