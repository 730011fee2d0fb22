#include "defense/probe.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::Server;

constexpr int64_t kOwnSize = 16;    // of the test server's images: nothing is resized
constexpr double kRounding = 1e-6;  // one subtraction and one division of numbers near one

TEST_CASE("a random probe is one of the server's images, normalised, with its label") {
  Server server;
  const ImageSet& set = server.data().images;
  const Normalization& normal = server.data().normalization;
  const Probe probe = make_probe({.size = kOwnSize}, server.round());
  REQUIRE(probe.images.shape() == Shape{1, kOwnSize, kOwnSize, 3});
  int64_t found = -1;
  for (int64_t i = 0; i < set.count(); ++i) {
    bool same = true;
    for (size_t b = 0; b < probe.picture.size(); ++b)
      same = same && std::abs(static_cast<double>(probe.picture[b]) -
                              set.pixels[static_cast<size_t>(i * set.image_bytes()) + b] / 255.0) <
                         kRounding;
    if (same) found = i;
  }
  REQUIRE(found >= 0);
  CHECK(probe.labels == std::vector<int32_t>{set.labels[static_cast<size_t>(found)]});
  const std::vector<float> values = probe.images.to_host();
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected =
        (static_cast<double>(probe.picture[i]) - static_cast<double>(normal.mean[i % 3])) /
        static_cast<double>(normal.std[i % 3]);
    REQUIRE(std::abs(static_cast<double>(values[i]) - expected) <
            kRounding * std::max(1.0, std::abs(expected)));
  }
}

TEST_CASE("the same seed and round give the same probe, other rounds and seeds others") {
  Server server;
  std::set<std::vector<float>> pictures;
  for (int64_t round = 1; round <= 8; ++round) {
    const Probe probe = make_probe({.size = kOwnSize}, server.round(round));
    pictures.insert(probe.picture);
    CHECK(make_probe({.size = kOwnSize}, server.round(round)).picture == probe.picture);
  }
  CHECK(pictures.size() > 3);  // of 12 images in 8 rounds
  std::set<std::vector<float>> of_seeds;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const RoundContext base = server.round();
    of_seeds.insert(make_probe({.size = kOwnSize}, {base.round, seed, base.global, base.model,
                                                    base.server, false, false})
                        .picture);
  }
  CHECK(of_seeds.size() > 3);
}

TEST_CASE("several probes are different images; more than there are is an error") {
  Server server;
  const Probe probe = make_probe({.count = 12, .size = 4}, server.round());
  REQUIRE(probe.images.shape() == Shape{12, 4, 4, 3});
  std::set<std::vector<float>> images;
  for (int64_t i = 0; i < 12; ++i) images.insert(probe.images.window(i * 48, {48}).to_host());
  CHECK(images.size() == 12);
  CHECK(probe.picture.size() == 48);
  try {
    make_probe({.count = 13, .size = 4}, server.round());
    FAIL("13 of 12 images");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
  }
}

TEST_CASE("a fixed picture is resized, has the label it is given, and no round changes it") {
  Server server;
  Picture picture{.height = 2, .width = 3, .pixels = {}};
  for (int i = 0; i < 18; ++i) picture.pixels.push_back(static_cast<uint8_t>(14 * i));
  const ProbeSpec spec{.fixed = picture, .label = 2, .count = 1, .size = 8};
  const Probe probe = make_probe(spec, server.round(1));
  CHECK(probe.picture == resize_and_crop(picture, 8));
  CHECK(probe.labels == std::vector<int32_t>{2});
  testing::check_same_bits(probe.images, make_probe(spec, server.round(2)).images);
  CHECK_THROWS_AS(make_probe({.fixed = picture, .label = 4, .size = 8}, server.round()), Error);
}

TEST_CASE("count 0: all images of the server's while they are few, at their own size") {
  Server server;  // 12 images of 4 classes
  const Probe probe = make_probe({.count = 0, .size = 0}, server.round());
  REQUIRE(probe.images.shape() == Shape{12, kOwnSize, kOwnSize, 3});
  std::vector<int32_t> labels = probe.labels, held = server.data().images.labels;
  std::sort(labels.begin(), labels.end());
  std::sort(held.begin(), held.end());
  CHECK(labels == held);
}

TEST_CASE("count 0 of many: every class as often as any other, new images each round") {
  Server server;
  ServerData many = server.data();
  std::vector<int64_t> twenty_times;
  for (int64_t i = 0; i < 12 * 20; ++i) twenty_times.push_back(i % 12);
  many.images = many.images.subset(twenty_times);  // 240 of 4 classes, but the last has seven
  int64_t of_last = 0;
  for (int32_t& label : many.images.labels)
    if (label == 3 && ++of_last > 7) label = 0;
  for (size_t i = 0; i < many.images.labels.size(); ++i)  // its number in its first byte
    many.images.pixels[i * static_cast<size_t>(many.images.image_bytes())] =
        static_cast<uint8_t>(i);
  const RoundContext base = server.round();
  std::set<std::set<float>> drawn;
  for (int64_t number = 1; number <= 3; ++number) {
    const RoundContext round{number, base.seed, base.global, base.model, many, false, false};
    const Probe probe = make_probe({.count = 0, .size = 0}, round);
    std::vector<int64_t> count(4);
    for (const int32_t label : probe.labels) ++count[static_cast<size_t>(label)];
    CHECK(count == std::vector<int64_t>{31, 31, 31, 7});
    const std::vector<float> values = probe.images.to_host();
    std::set<float> numbers;
    for (size_t i = 0; i < values.size(); i += kOwnSize * kOwnSize * 3) numbers.insert(values[i]);
    CHECK(numbers.size() == 100);
    drawn.insert(numbers);
  }
  CHECK(drawn.size() == 3);
}

}  // namespace
}  // namespace fedcamae
