// Devices, threads and models of the single-model commands.
#pragma once

#include <memory>
#include <optional>

#include "cli/commands.h"
#include "core/context.h"
#include "data/dataset.h"
#include "models/model.h"
#include "models/weights.h"

namespace fedcamae {

int core_count();  // cores that this process may use

// Why "auto" means the CPU though this build has CUDA, in one line; empty where it does not.
std::string fallback_reason(const std::string& device);
void tell_fallback(const std::string& reason);

// Checks device and precision; the context has flags.threads threads, or one per core.
std::unique_ptr<Context> make_context(const ComputeFlags& flags);

struct LoadedModel {
  std::unique_ptr<Model> model;
  WeightInfo info;  // of the file, empty for a fresh model
};
// Weights from the file, or fresh ones from `seed` where there is none.
LoadedModel open_model(const ModelFlags& flags, Context& context, uint64_t seed,
                       bool new_head = false);

// Flags, then what the weight file says, then `otherwise`.
Normalization choose_normalization(const NormalizationFlags& flags, const WeightInfo& info,
                                   const Normalization& otherwise);
Normalization imagenet_normalization();

}  // namespace fedcamae
