#include "cli/compute.h"

#include <thread>

#include "cli/checks.h"
#include "cli/talk.h"
#include "core/error.h"
#include "core/precision.h"

namespace fedcamae {

int core_count() {
  const unsigned cores = std::thread::hardware_concurrency();
  return cores == 0 ? 1 : static_cast<int>(cores);
}

std::string fallback_reason(const std::string& device) {
  if (device != "auto" || !has_gpu_backend()) return "";
  return device_obstacle({DeviceType::kCuda, 0});
}
void tell_fallback(const std::string& reason) {
  if (!reason.empty()) talk("device auto is the CPU: {}", reason);
}

std::unique_ptr<Context> make_context(const ComputeFlags& flags) {
  ContextOptions options;
  options.device = parse_device(flags.device);
  options.precision = parse_precision(flags.precision);
  options.threads = flags.threads > 0 ? static_cast<int>(flags.threads) : core_count();
  return std::make_unique<Context>(options);
}

LoadedModel open_model(const ModelFlags& flags, Context& context, uint64_t seed, bool new_head) {
  require_choice("--model", flags.arch, architecture_names());
  require_range("--classes", static_cast<double>(flags.classes), 1, 1e6);
  LoadedModel loaded;
  loaded.model = std::make_unique<Model>(ModelSpec{flags.arch, flags.classes}, context);
  if (flags.weights.empty() || new_head) loaded.model->initialize(seed);
  if (!flags.weights.empty())
    loaded.info = load_weights(flags.weights, *loaded.model, {.new_head = new_head});
  return loaded;
}

Normalization choose_normalization(const NormalizationFlags& flags, const WeightInfo& info,
                                   const Normalization& otherwise) {
  Normalization result = otherwise;
  if (info.mean) result.mean = *info.mean;
  if (info.std) result.std = *info.std;
  if (!flags.mean.empty()) result.mean = parse_triplet("--mean", flags.mean);
  if (!flags.std.empty()) result.std = parse_triplet("--std", flags.std);
  for (float value : result.std)
    if (!(value > 0)) fail(ErrorKind::kUsage, "--std: every number must be positive");
  return result;
}

Normalization imagenet_normalization() {
  return {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
}

}  // namespace fedcamae
