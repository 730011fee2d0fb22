#define DOCTEST_CONFIG_IMPLEMENT
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "tests/fake_gpu/test_support.h"

namespace fake_gpu::testing {
namespace {

constexpr int kSkipped = 77;
constexpr const char* kChild = "FAKE_GPU_TEST_CHILD";

std::map<std::string, std::vector<Broken>>& families() {
  static std::map<std::string, std::vector<Broken>> made;
  return made;
}

std::string own_path() {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) std::abort();
  return path;
}

}  // namespace

AddBroken::AddBroken(const char* family, std::vector<Broken> cases) {
  families()[family] = std::move(cases);
}

Ended run_again(const std::string& environment, const std::string& arguments) {
  REQUIRE_MESSAGE(!std::getenv(kChild), "a child that starts children would never end");
  const std::string command =
      std::string(kChild) + "=1 " + environment + " '" + own_path() + "' " + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  Ended ended;
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) ended.output.append(buffer, n);
  const int status = pclose(pipe);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

void check_broken(const std::string& family) {
  REQUIRE(families().count(family) == 1);
  const std::vector<Broken>& cases = families()[family];
  for (size_t i = 0; i < cases.size(); ++i) {
    const Ended ended = run_again("", "--broken " + family + " " + std::to_string(i));
    CAPTURE(std::string(cases[i].name));
    CAPTURE(ended.output);
    CHECK(ended.status != 0);
    CHECK(ended.output.find("fake_gpu: ") != std::string::npos);
    CHECK(ended.output.find(cases[i].says) != std::string::npos);
  }
}

void require(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "%s\n", cudaGetErrorString(error));
  std::exit(3);
}

void require(bool succeeded) {
  if (succeeded) return;
  std::fprintf(stderr, "a call failed that should not\n");
  std::exit(3);
}

std::vector<float> whole_numbers(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> made(count);
  for (float& value : made) value = static_cast<float>(random() % 9) - 4.0f;
  return made;
}

}  // namespace fake_gpu::testing

int main(int argc, char** argv) {
  using namespace fake_gpu::testing;
  cudaDeviceProp of{};
  if (cudaGetDeviceProperties(&of, 0) != cudaSuccess || std::strcmp(of.name, "fake GPU") != 0) {
    std::puts("skipped: run with LD_PRELOAD=libfake_gpu.so");
    return kSkipped;
  }
  if (argc == 4 && std::strcmp(argv[1], "--broken") == 0) {
    families()[argv[2]].at(std::atoi(argv[3])).run();
    return 0;
  }
  doctest::Context context(argc, argv);
  return context.run();
}
