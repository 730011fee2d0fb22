// fedcamae predict and explain, as child processes on one small picture.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "data/image_io.h"
#include "tests/cli/support.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

using Words = std::vector<std::string>;

// A picture and the weights of a small network that has seen it only in passing.
struct Fixture {
  TemporaryFolder folder;
  std::string image = folder.file("one.two.png"), weights = folder.file("w.safetensors");
  Fixture() {
    write_image(image);
    write_cifar10(folder.file("data"), 64, 0);
    CHECK(run_fedcamae({"train", "--model", "small_cnn", "--classes", "10", "--dataset", "cifar10",
                        "--data-dir", folder.file("data"), "--steps", "5", "--mean", "0.1,0.2,0.3",
                        "--std", "0.5,0.6,0.7", "--out", weights})
              .code == 0);
  }
  ProgramResult run(const std::string& command, const Words& more) const {
    Words words = {command, "--model", "small_cnn", "--classes", "10", "--weights", weights};
    words.insert(words.end(), more.begin(), more.end());
    return run_fedcamae(words);
  }
};

}  // namespace

TEST_CASE("predict prints the logits of every image") {
  const Fixture f;
  const ProgramResult result =
      f.run("predict", {"--image", f.image, f.image, "--size", "32", "--json"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK(lines_of(result.out).size() == 1);
  const nlohmann::json logits = parse_json(result.out)["logits"];
  REQUIRE(logits.size() == 2);
  CHECK(logits[0].size() == 10);
  CHECK(logits[0] == logits[1]);
  const ProgramResult talking = f.run("predict", {"--image", f.image, "--size", "32"});
  CHECK(parse_json(talking.out)["logits"][0] == logits[0]);
  CHECK(contains(talking.err, "class "));
}

TEST_CASE("predict takes mean and std from the flags, else from the weights") {
  const Fixture f;
  auto logits = [&](const Words& more) {
    Words words = {"--image", f.image, "--size", "32", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return parse_json(f.run("predict", words).out)["logits"];
  };
  const nlohmann::json own = logits({});
  CHECK(logits({"--mean", "0.1,0.2,0.3", "--std", "0.5,0.6,0.7"}) == own);
  CHECK(logits({"--mean", "0.1,0.2,0.4"}) != own);
  CHECK(logits({"--std", "0.5,0.6,0.8"}) != own);
}

TEST_CASE("explain writes the overlay and both maps") {
  const Fixture f;
  const std::string out = f.folder.file("new/folder");
  const ProgramResult result = f.run("explain", {"--image", f.image, "--size", "64", "--out", out});
  CHECK(result.code == 0);
  CHECK(contains(result.out, "conv3"));
  const Npy map = read_npy(out + "/one.two_map.npy"), raw = read_npy(out + "/one.two_raw.npy");
  CHECK(map.shape == "(64, 64)");
  REQUIRE(map.values.size() == 64 * 64);
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  CHECK(*low == 0.0f);
  CHECK(*high <= 1.0f);
  CHECK(*high > 0.99f);
  CHECK(raw.shape == "(16, 16)");  // conv3's own resolution: two pools below it
  CHECK(*std::min_element(raw.values.begin(), raw.values.end()) >= 0.0f);
  const Picture overlay = read_picture(out + "/one.two_overlay.png");
  CHECK(overlay.width == 64);
  CHECK(overlay.height == 64);
  // The overlay is divided by its maximum.
  CHECK(*std::max_element(overlay.pixels.begin(), overlay.pixels.end()) == 255);
  CHECK(std::distance(std::filesystem::directory_iterator(out), {}) == 3);
}

TEST_CASE("explain looks at the layer and the class that are asked for") {
  const Fixture f;
  auto raw = [&](const std::string& name, const Words& more) {
    Words words = {"--image", f.image, "--size", "64", "--out", f.folder.file(name)};
    words.insert(words.end(), more.begin(), more.end());
    CHECK(f.run("explain", words).code == 0);
    return read_npy(f.folder.file(name) + "/one.two_raw.npy");
  };
  CHECK(raw("a", {"--layer", "conv1"}).shape == "(64, 64)");
  CHECK(raw("b", {"--layer", "conv2"}).shape == "(32, 32)");
  CHECK(raw("c", {"--class", "1"}).values != raw("d", {"--class", "2"}).values);
  const std::string out = f.folder.file("e");
  check_refusal(f.run("explain", {"--image", f.image, "--layer", "conv9", "--out", out}), 2,
                "did you mean 'conv");
  check_refusal(f.run("explain", {"--image", f.image, "--class", "10", "--out", out}), 2,
                "--class");
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("a picture or a weight file that cannot be read is exit code 3") {
  const Fixture f;
  write_file(f.folder.file("bad.png"), "no picture");
  check_refusal(f.run("predict", {"--image", f.folder.file("none.png")}), 3, "none.png");
  check_refusal(f.run("predict", {"--image", f.image, f.folder.file("bad.png")}), 3, "bad.png");
  check_refusal(f.run("explain", {"--image", f.folder.file("bad.png"), "--out", f.folder.path()}),
                3, "bad.png");
  check_refusal(run_fedcamae({"predict", "--model", "resnet50", "--classes", "10", "--weights",
                              f.weights, "--image", f.image}),
                3, "small_cnn");
  check_refusal(run_fedcamae({"predict", "--model", "small_cnn", "--classes", "11", "--weights",
                              f.weights, "--image", f.image}),
                3, "fc.");
}
