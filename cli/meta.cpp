#include "cli/meta.h"

#include <fedcamae_version.h>
#include <fmt/chrono.h>
#include <spdlog/version.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/toml_file.h"
#include "core/backend.h"

namespace fedcamae {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line))
    if (line.rfind("model name", 0) == 0) {
      const size_t colon = line.find(':');
      if (colon + 2 < line.size()) return line.substr(colon + 2);
    }
  return "unknown";
}

std::string compiler() { return "g++ " __VERSION__; }

std::string version_text(int number, int big, int small) {
  return fmt::format("{}.{}.{}", number / big, number / small % 100, number % small);
}

}  // namespace

nlohmann::ordered_json build_json() {
  return {
      {"version", FEDCAMAE_VERSION},
      {"git", FEDCAMAE_GIT},
      {"compiler", compiler()},
      {"libraries",
       {{"cli11", cli11_version()},
        {"fmt", version_text(FMT_VERSION, 10000, 100)},
        {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                      NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
        {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
        {"tomlplusplus", toml_version()}}}};
}

nlohmann::ordered_json machine_json() {
  utsname system{};
  uname(&system);
  const Context context{ContextOptions{}};
  const int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  return {{"processor", processor_name()},
          {"cores", core_count()},
          {"backend", context.backend().name()},
          {"memory_bytes", pages * page},
          {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)}};
}

std::string utc_time() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

std::string version_line() {
  return fmt::format("fedcamae {} (git {}, {})", FEDCAMAE_VERSION, FEDCAMAE_GIT, compiler());
}

}  // namespace fedcamae
