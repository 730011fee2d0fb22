// The built program as a child process: what it tells, and how it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/cli/support.h"

using namespace fedcamae::testing;

namespace {

nlohmann::json json_of(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const ProgramResult result = run_fedcamae(arguments);
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  check_plain(result);
  return parse_json(result.out);
}

}  // namespace

TEST_CASE("--version is one line, --help is no error") {
  const ProgramResult version = run_fedcamae({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out.starts_with("fedcamae 0."));
  CHECK(lines_of(version.out).size() == 1);
  const ProgramResult help = run_fedcamae({"run", "--help"});
  CHECK(help.code == 0);
  CHECK(contains(help.out, "--workers"));
}

TEST_CASE("info names version, libraries, processor and devices") {
  const nlohmann::json info = json_of({"info"});
  CHECK(contains(run_fedcamae({"--version"}).out, info["build"]["version"].get<std::string>()));
  CHECK(info["build"]["libraries"].size() >= 4);
  CHECK(info["machine"]["cores"].get<int>() >= 1);
  CHECK(contains(info["machine"]["backend"].get<std::string>(), "cpu ("));
  CHECK(contains(info["devices"]["cpu"].get<std::string>(), "cpu ("));
  CHECK(info["devices"].size() >= 2);  // a GPU each, or why there is none
  CHECK(contains(run_fedcamae({"info"}).out, "compiler: g++"));
}

TEST_CASE("list tells every name with its parameters and defaults") {
  auto names = [](const std::string& what) {
    std::vector<std::string> result;
    for (const auto& item : json_of({"list", what})) {
      CHECK_FALSE(item["doc"].get<std::string>().empty());
      for (const auto& parameter : item["parameters"]) {
        CHECK_FALSE(parameter["doc"].get<std::string>().empty());
        CHECK(parameter.contains("default"));
      }
      result.push_back(item["name"]);
    }
    return result;
  };
  using Names = std::vector<std::string>;
  CHECK(names("models") == Names{"resnet50", "regnet_y_800mf", "small_cnn"});
  CHECK(names("datasets") == Names{"fashion_mnist", "cifar10", "cifar100", "svhn", "folder"});
  CHECK(names("attacks") == Names{"none", "noise", "sign_flip", "label_flip", "gae", "alie", "ipm",
                                  "min_max", "min_sum", "fang_krum", "gaussian", "same_value",
                                  "free_rider", "adaptive"});
  CHECK(names("defenses") == Names{"mean", "median", "trimmed_mean", "krum", "multi_krum",
                                   "geometric_median", "norm_clipping", "centred_clipping",
                                   "fltrust", "foolsgold", "sign_guard", "dnc", "flame", "faa_dl",
                                   "grad_cam_ae", "fedcamae"});
  const Names partitions = names("partitions");
  CHECK(std::find(partitions.begin(), partitions.end(), "dirichlet") != partitions.end());
  CHECK(contains(run_fedcamae({"list", "attacks"}).out, "start = 1"));
}

// Counts: torchvision's, written down in its tables of weights (parameters exactly, multiply-adds
// of a 224 x 224 image in thousands of millions to three digits).
TEST_CASE("summary counts the parameters and multiply-adds of the networks") {
  struct Known {
    const char* model;
    const char* classes;
    int64_t parameters;
    double giga_macs;
  };
  constexpr double kLastDigit = 0.0005;
  for (const Known& known : {Known{"resnet50", "1000", 25557032, 4.089},
                             Known{"regnet_y_800mf", "1000", 6432512, 0.834}}) {
    const nlohmann::json json = json_of({"summary", known.model, "--classes", known.classes});
    CHECK(json["parameters"] == known.parameters);
    CHECK(std::abs(json["macs"].get<double>() / 1e9 - known.giga_macs) <= kLastDigit);
    int64_t parameters = 0;
    for (const auto& layer : json["layers"]) parameters += layer["parameters"].get<int64_t>();
    CHECK(parameters == known.parameters);
  }
  for (const Known& known :
       {Known{"resnet50", "10", 23528522, 0}, Known{"resnet50", "100", 23712932, 0},
        Known{"regnet_y_800mf", "10", 5655362, 0}, Known{"regnet_y_800mf", "100", 5726012, 0}})
    CHECK(json_of({"summary", known.model, "--classes", known.classes, "--input",
                   "3x32x32"})["parameters"] == known.parameters);
}

TEST_CASE("summary lists the layers that explain takes") {
  const nlohmann::json json =
      json_of({"summary", "small_cnn", "--classes", "10", "--input", "3x32x32"});
  CHECK(json["default_layer"] == "conv3");
  CHECK(json["explain_layers"].back()["path"] == "conv3");
  CHECK(json["explain_layers"].back()["output"] == std::vector<int>{64, 8, 8});
  // 3x3 weights at every pixel of 32, 16 and 8 squared, and the head.
  CHECK(json["macs"] == 9 * (3 * 16 * 1024 + 16 * 32 * 256 + 32 * 64 * 64) + 64 * 10);
  CHECK(contains(run_fedcamae({"summary", "resnet50"}).out, "layer4.2"));
  CHECK(contains(run_fedcamae({"summary", "regnet_y_800mf"}).out, "trunk_output.block3"));
}

TEST_CASE("a wrong command line is one line and exit code 2") {
  check_refusal(run_fedcamae({}), 2, "subcommand");
  check_refusal(run_fedcamae({"runn"}), 2, "--help");
  check_refusal(run_fedcamae({"list", "attcks"}), 2, "did you mean 'attacks'?");
  check_refusal(run_fedcamae({"summary", "resnet5"}), 2, "did you mean 'resnet50'?");
  check_refusal(run_fedcamae({"summary", "resnet50", "--input", "3x32"}), 2, "3x224x224");
  check_refusal(run_fedcamae({"train", "--model", "small_cnn"}), 2, "required");
  check_refusal(run_fedcamae({"run"}), 2, "configuration file");
  check_refusal(run_fedcamae({"run", "/nowhere/x.toml"}), 2, "/nowhere/x.toml");
}

TEST_CASE("a device that is not there is one line and exit code 4, in every command") {
  const TemporaryFolder folder;
  write_file(folder.file("x.toml"), "[run]\ndevice = \"cuda:7\"\n");
  const std::vector<std::string> model = {"--model", "small_cnn", "--classes",
                                          "10",      "--device",  "cuda:7"};
  auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), model.begin(), model.end());
    return run_fedcamae(arguments);
  };
  check_refusal(with({"train", "--dataset", "cifar10", "--steps", "1", "--out", folder.file("w")}),
                4, "cuda:7");
  check_refusal(with({"eval", "--dataset", "cifar10", "--weights", "w"}), 4, "cuda:7");
  check_refusal(with({"predict", "--image", "i.png", "--weights", "w"}), 4, "cuda:7");
  check_refusal(with({"explain", "--image", "i.png", "--weights", "w", "--out", "o"}), 4, "cuda:7");
  check_refusal(run_fedcamae({"run", folder.file("x.toml")}), 4, "cuda");
  check_refusal(run_fedcamae({"run", folder.file("x.toml"), "--device", "gpu"}), 2, "gpu");
}
