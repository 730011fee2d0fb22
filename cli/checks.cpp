#include "cli/checks.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "core/error.h"
#include "core/options.h"
#include "data/dataset.h"
#include "models/model.h"

namespace fedcamae {

void require_choice(const std::string& flag, const std::string& value,
                    const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  const std::string near = nearest(value, choices);
  fail(ErrorKind::kUsage, "{}: there is no '{}'{}; known: {}", flag, value,
       near.empty() ? "" : fmt::format(", did you mean '{}'?", near), fmt::join(choices, ", "));
}

void require_range(const std::string& flag, double value, double low, double high) {
  if (value >= low && value <= high) return;  // NaN is in no range
  if (std::isinf(high)) fail(ErrorKind::kUsage, "{}: {} is below {}", flag, value, low);
  fail(ErrorKind::kUsage, "{}: {} is not in [{}, {}]", flag, value, low, high);
}

std::array<float, 3> parse_triplet(const std::string& flag, const std::string& text) {
  std::array<float, 3> result{};
  const char* at = text.c_str();
  for (int i = 0; i < 3; ++i) {
    char* end = nullptr;
    result[i] = std::strtof(at, &end);
    const char expected = i < 2 ? ',' : '\0';
    if (end == at || *end != expected || !std::isfinite(result[i]))
      fail(ErrorKind::kUsage, "{}: expected three numbers as in 0.5,0.5,0.5, got '{}'", flag, text);
    at = end + 1;
  }
  return result;
}

std::vector<std::string> architecture_names() {
  std::vector<std::string> names;
  for (const ArchInfo& info : architectures()) names.push_back(info.name);
  return names;
}

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const DatasetInfo& info : datasets()) names.push_back(info.name);
  return names;
}

void require_writable_file(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (path.empty() || fs::is_directory(path, error))
    fail(ErrorKind::kUsage, "--out: '{}' is a folder, expected the name of a file", path);
  const fs::path folder = fs::absolute(path).parent_path();
  fs::create_directories(folder, error);
  if (!fs::is_directory(folder) || access(folder.c_str(), W_OK) != 0)
    fail(ErrorKind::kData, "--out: folder {} cannot be written to; choose another place",
         folder.string());
}

}  // namespace fedcamae
