#include <array>
#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/cpu/kernels.h"

namespace fedcamae {
namespace cpu {

#define FEDCAMAE_DECLARE_LEVEL(name) \
  namespace name {                   \
  extern const CpuKernels kKernels;  \
  }
FEDCAMAE_DECLARE_LEVEL(baseline)
#ifdef FEDCAMAE_X86_LEVELS
FEDCAMAE_DECLARE_LEVEL(avx2)
FEDCAMAE_DECLARE_LEVEL(avx512)
FEDCAMAE_DECLARE_LEVEL(avx512_bf16)
#endif

namespace {

// What x86-64-v3 and x86-64-v4, the levels' compiler options, ask for beyond the vectors is there
// on every processor that has these.
bool runs_here(std::string_view name) {
#ifdef FEDCAMAE_X86_LEVELS
  if (name == "avx512_bf16") return runs_here("avx512") && __builtin_cpu_supports("avx512bf16");
  if (name == "avx512")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma");
  if (name == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
#endif
  return name == "baseline";
}

// Best first.
const auto kLevels = std::to_array<const CpuKernels*>({
#ifdef FEDCAMAE_X86_LEVELS
    &avx512_bf16::kKernels,
    &avx512::kKernels,
    &avx2::kKernels,
#endif
    &baseline::kKernels,
});

std::atomic<const CpuKernels*> replaced{nullptr};

}  // namespace

const CpuKernels& choose_cpu_kernels(const char* wanted) {
  if (wanted == nullptr || *wanted == '\0') {
    for (const CpuKernels* level : kLevels)
      if (runs_here(level->name)) return *level;
  }
  const CpuKernels* level = find_cpu_kernels(wanted);
  if (level == nullptr) {
    std::string known;
    for (const CpuKernels* each : kLevels)
      if (runs_here(each->name)) known += std::string(known.empty() ? "" : ", ") + each->name;
    fail(ErrorKind::kUsage, "FEDCAMAE_ISA: '{}' is not a level of this machine; choose from: {}",
         wanted, known);
  }
  return *level;
}

const CpuKernels* find_cpu_kernels(const char* name) {
  for (const CpuKernels* level : kLevels)
    if (std::string_view(level->name) == name && runs_here(name)) return level;
  return nullptr;
}

const CpuKernels& cpu_kernels() {
  if (const CpuKernels* other = replaced.load(std::memory_order_relaxed)) return *other;
  static const CpuKernels& chosen = choose_cpu_kernels(std::getenv("FEDCAMAE_ISA"));
  return chosen;
}

ScopedCpuKernels::ScopedCpuKernels(const CpuKernels& kernels)
    : before_(replaced.exchange(&kernels)) {}
ScopedCpuKernels::~ScopedCpuKernels() { replaced = before_; }

}  // namespace cpu

std::string cpu_isa_name() { return cpu::cpu_kernels().name; }

}  // namespace fedcamae
