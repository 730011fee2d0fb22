// The program on the device under test: a child process sees the same devices as the test.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "tests/cli/support.h"
#include "tests/support/devices.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

// Relative: float32 rounds elsewhere on the device, over one round of two steps.
constexpr double kLoss = 1e-4;

constexpr const char* kTiny = R"(
[run]
rounds = 1
workers = 2
[data]
dataset = "cifar10"
server_images = 4
train_images = 24
partition = { type = "iid" }
[model]
arch = "small_cnn"
[federation]
clients = 3
attackers = 1
batch = 4
optimizer = "sgd"  # Adam's first steps are lr times a sign: last bits of gradients would not show
lr = 0.3
[attack]
type = "noise"
[defense]
type = "multi_krum"
f = 0
m = 1
[eval]
images = 8
)";

}  // namespace

TEST_CASE("auto on the CPU says why where the build could use a GPU") {
  const TemporaryFolder folder;
  write_file(folder.file("tiny.toml"), kTiny);
  write_cifar10(folder.file("data"), 40, 10);
  const ProgramResult result =
      run_fedcamae({"run", folder.file("tiny.toml"), "--data-dir", folder.file("data"), "--device",
                    gpu_count() == 0 ? "auto" : "cpu", "--out", folder.file("out")});
  REQUIRE(result.code == 0);
  CHECK(contains(result.err, "device auto is the CPU: ") ==
        (has_gpu_backend() && gpu_count() == 0));
  CHECK(contains(result.out, "cpu ("));
}

TEST_CASE("run and info on the device: named, with the CPU's numbers") {
  if (skip_on_cpu()) return;
  const std::string device = device_options(1).device.str();
  const nlohmann::json info = parse_json(run_fedcamae({"info", "--json"}).out);
  CHECK(contains(info["devices"][device].get<std::string>(), device));

  const TemporaryFolder folder;
  write_file(folder.file("tiny.toml"), kTiny);
  write_cifar10(folder.file("data"), 40, 10);
  std::vector<nlohmann::json> rounds;
  struct Run {
    std::string device, convolutions;
  };
  for (const Run& run : {Run{"cpu", "fixed"}, Run{device, "fixed"}, Run{device, "any"}}) {
    const std::string& name = run.device;
    const std::string out = folder.file(name + run.convolutions);
    const ProgramResult result = run_fedcamae(
        {"run", folder.file("tiny.toml"), "--data-dir", folder.file("data"), "--device", name,
         "--set", "run.conv_algorithms=" + run.convolutions, "--out", out});
    CAPTURE(result.err);
    REQUIRE(result.code == 0);
    CHECK(contains(result.out, name));
    const nlohmann::json meta = parse_json(read_text(out + "/meta.json"));
    CHECK(meta["device"]["device"] == name);
    CHECK(contains(meta["device"]["name"].get<std::string>(), name));
    rounds.push_back(parse_json(lines_of(read_text(out + "/metrics.jsonl")).at(0)));
  }
  const double cpu = rounds[0]["loss"];
  for (const size_t there : {size_t{1}, size_t{2}}) {
    CHECK(std::abs(rounds[there]["loss"].get<double>() - cpu) <= kLoss * cpu);
    CHECK(rounds[there]["accepted"] == rounds[0]["accepted"]);
    CHECK(rounds[there]["auc"] == rounds[0]["auc"]);
  }
  // That the choice has come to the convolutions shows where the fake GPU, preloaded, sums
  // otherwise: for a network as small as this a real one may choose what is fixed.
  if (std::getenv("LD_PRELOAD") != nullptr) CHECK(rounds[2]["loss"] != rounds[1]["loss"]);
}
