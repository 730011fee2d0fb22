// The rules of the house that a compiler does not check: who may include whom (docs/design.md,
// section 1), how long a file may be, and that each folder explains itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr int kMaxLines = 400;
constexpr int kMaxReadmeLines = 30;

// Folder -> what it may include besides itself, everything below written out.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"core", {}},
    {"autograd", {"core"}},
    {"layers", {"core", "autograd"}},
    {"models", {"core", "autograd", "layers"}},
    {"data", {"core"}},
    {"fl", {"core", "autograd", "layers", "models", "data"}},
    {"defense", {"core", "autograd", "layers", "models", "data"}},
    {"cli", {"core", "autograd", "layers", "models", "data", "fl", "defense"}},
    {"bench", {"core", "autograd", "layers", "models", "data", "fl", "defense", "cli"}},
    {"tests", {"core", "autograd", "layers", "models", "data", "fl", "defense", "cli"}},
};
// All that a defense knows of a federated run: neither attacks nor the truth.
const std::set<std::string> kSeenByDefense = {"fl/client_update.h", "fl/defense.h"};
// Made by CMake.
const std::string kVersionHeader = "fedcamae_version.h";

std::string top(const std::string& path) { return path.substr(0, path.find('/')); }
bool below(const std::string& path, const std::string& folder) {
  return path.rfind(folder + "/", 0) == 0;
}

// Why `file` may not have `#include "included"`, or "" where it may.
std::string objection(const std::string& file, const std::string& included) {
  const std::string from = top(file), to = top(included);
  if (included == kVersionHeader) return from == "cli" ? "" : "only cli knows the version";
  if (included.find("..") != std::string::npos) return "paths begin at the root of the repository";
  if (kMayInclude.count(to) == 0 || included.find('/') == std::string::npos)
    return "no such folder at the root of the repository";
  for (const char* room : {"core/cpu", "core/cuda"})
    if (below(included, room) && !below(file, room) && from != "tests" && from != "bench")
      return "the inside of a backend belongs to that backend";
  if (below(included, "core/reference") && !below(file, "core/reference") && from != "tests")
    return "the reference is for tests";
  if (from == to) return "";
  if (from == "defense" && kSeenByDefense.count(included) > 0) return "";
  if (kMayInclude.at(from).count(to) > 0) return "";
  return from + " may not include " + to;
}

std::vector<std::string> quoted_includes(const std::string& text) {
  static const std::regex kLine("^[ \t]*#[ \t]*include[ \t]*\"([^\"]+)\"");
  std::vector<std::string> found;
  std::istringstream lines(text);
  std::smatch match;
  for (std::string line; std::getline(lines, line);)
    if (std::regex_search(line, match, kLine)) found.push_back(match[1]);
  return found;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}
int64_t line_count(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

// Paths from the root of every source file of the folders above.
std::vector<std::string> sources() {
  const fs::path root = FEDCAMAE_SOURCE_DIR;
  const std::set<std::string> kinds = {".h", ".cpp", ".cu", ".cuh"};
  std::vector<std::string> found;
  for (const auto& [folder, allowed] : kMayInclude)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      if (entry.is_regular_file() && kinds.count(entry.path().extension().string()) > 0)
        found.push_back(fs::relative(entry.path(), root).generic_string());
  std::sort(found.begin(), found.end());
  return found;
}

TEST_CASE("the rules themselves, on made-up lines") {
  CHECK(objection("layers/conv.cpp", "autograd/var.h").empty());
  CHECK(objection("defense/multi_krum.cpp", "fl/client_update.h").empty());
  CHECK(objection("defense/multi_krum.h", "fl/defense.h").empty());
  CHECK(objection("cli/run.cpp", "defense/fedcamae.h").empty());
  CHECK(objection("core/cpu/conv.cpp", "core/cpu/kernels.h").empty());
  CHECK(objection("tests/core/test_op_conv.cpp", "core/reference/conv.h").empty());
  CHECK(objection("cli/version.cpp", "fedcamae_version.h").empty());

  CHECK_FALSE(objection("core/ops.cpp", "autograd/var.h").empty());
  CHECK_FALSE(objection("autograd/conv.cpp", "layers/module.h").empty());
  CHECK_FALSE(objection("data/loader.cpp", "models/model.h").empty());
  CHECK_FALSE(objection("fl/server.cpp", "defense/fedcamae.h").empty());
  CHECK_FALSE(objection("defense/fedcamae.cpp", "fl/attack.h").empty());
  CHECK_FALSE(objection("defense/fedcamae.cpp", "fl/metrics.h").empty());
  CHECK_FALSE(objection("models/resnet50.cpp", "core/cpu/kernels.h").empty());
  CHECK_FALSE(objection("core/ops.cpp", "core/cpu/kernels.h").empty());
  CHECK_FALSE(objection("core/ops.cpp", "core/reference/conv.h").empty());
  CHECK_FALSE(objection("layers/conv.cpp", "tests/support/arrays.h").empty());
  CHECK_FALSE(objection("layers/conv.cpp", "../core/ops.h").empty());
  CHECK_FALSE(objection("layers/conv.cpp", "module.h").empty());
  CHECK_FALSE(objection("fl/server.cpp", "fedcamae_version.h").empty());
}

TEST_CASE("include lines are found, and only they") {
  const std::vector<std::string> found = quoted_includes(
      "#include \"a/b.h\"\n#include <vector>\n  #  include \"c/d.h\"\n// see \"e/f.h\"\n");
  CHECK(found == std::vector<std::string>{"a/b.h", "c/d.h"});
}

TEST_CASE("every include goes in an allowed direction") {
  const std::vector<std::string> files = sources();
  REQUIRE(files.size() > 50);
  for (const std::string& file : files)
    for (const std::string& included : quoted_includes(read(fs::path(FEDCAMAE_SOURCE_DIR) / file)))
      CHECK_MESSAGE(objection(file, included).empty(), file, " includes ", included, ": ",
                    objection(file, included));
}

TEST_CASE("no source file is longer than 400 lines") {
  for (const std::string& file : sources()) {
    const int64_t lines = line_count(read(fs::path(FEDCAMAE_SOURCE_DIR) / file));
    CHECK_MESSAGE(lines <= kMaxLines, file, " has ", lines, " lines");
  }
}

TEST_CASE("each folder has a README of at most 30 lines") {
  for (const auto& room : kMayInclude) {
    const std::string& folder = room.first;
    const fs::path readme = fs::path(FEDCAMAE_SOURCE_DIR) / folder / "README.md";
    CHECK_MESSAGE(fs::exists(readme), folder, "/README.md is missing");
    if (!fs::exists(readme)) continue;
    const int64_t lines = line_count(read(readme));
    CHECK_MESSAGE(lines <= kMaxReadmeLines, folder, "/README.md has ", lines, " lines");
  }
}

}  // namespace
