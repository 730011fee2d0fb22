#include <array>
#include <cmath>

#include "data/dataset.h"
#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {
Dataset load(const std::string& name, const TempFolder& dir, bool train = true, bool test = false) {
  return load_dataset(
      {.name = name, .data_dir = dir.str(), .need_train = train, .need_test = test});
}
// Pixel (row, column, channel) of record i as `cifar` writes it.
int expected_pixel(int i, int p, int c) { return (11 * i + (1024 * c + p) / 8) % 256; }
}  // namespace

TEST_CASE("cifar100: fine labels, planes become pixels, archive folders are found") {
  for (const std::string below : {"", "cifar100/", "cifar-100-binary/"}) {
    const TempFolder dir;
    dir.write(below + "train.bin", cifar({{3, 99}, {19, 0}, {5, 42}}));
    dir.write(below + "test.bin", cifar({{1, 7}}));
    const Dataset set = load("cifar100", dir, true, true);
    CHECK(set.train.labels == std::vector<int32_t>{99, 0, 42});
    CHECK(set.test.labels == std::vector<int32_t>{7});
    CHECK(set.class_names.size() == 100);
    CHECK(set.class_names.front() == "apple");
    CHECK(set.class_names.back() == "worm");
    CHECK(set.normalization.mean[1] == 0.4865f);
    CHECK(set.normalization.std[2] == 0.2762f);
    for (int i = 0; i < 3; ++i)
      for (int p = 0; p < 1024; ++p)
        for (int c = 0; c < 3; ++c)
          REQUIRE(set.train.pixels[static_cast<size_t>((i * 1024 + p) * 3 + c)] ==
                  expected_pixel(i, p, c));
  }
}

TEST_CASE("cifar10: any batch files, by name") {
  const TempFolder dir;
  dir.write("cifar-10-batches-bin/data_batch_4.bin", cifar({{8}}));
  dir.write("cifar-10-batches-bin/data_batch_2.bin", cifar({{1}, {9}}));
  const Dataset set = load("cifar10", dir);
  CHECK(set.train.labels == std::vector<int32_t>{1, 9, 8});
  CHECK(set.train.pixels[2 * 3072 + 3 * 9] == expected_pixel(0, 9, 0));
  check_error(ErrorKind::kData, "test_batch.bin", [&] { load("cifar10", dir, true, true); });
  const TempFolder only_test;
  only_test.write("test_batch.bin", cifar({{4}}));
  check_error(ErrorKind::kData, "data_batch_", [&] { load("cifar10", only_test); });
  CHECK(load("cifar10", only_test, false, true).test.count() == 1);
}

TEST_CASE("cifar: broken files") {
  const TempFolder dir;
  const Bytes good = cifar({{3, 99}, {19, 0}});
  dir.write("train.bin", Bytes(good.begin(), good.end() - 1));
  check_error(ErrorKind::kData, "record 1 is cut", [&] { load("cifar100", dir); });
  dir.write("train.bin", cifar({{3, 99}, {19, 100}}));
  check_error(ErrorKind::kData, "label 100 of record 1", [&] { load("cifar100", dir); });
  dir.write("train.bin", {});
  check_error(ErrorKind::kData, (dir / "train.bin").string(), [&] { load("cifar100", dir); });
  dir.write("train.bin", good);
  check_error(ErrorKind::kData, "test.bin", [&] { load("cifar100", dir, true, true); });
  CHECK(load("cifar100", dir).train.count() == 2);
}

TEST_CASE("normalisation: mean over images of the channel mean and unbiased deviation") {
  const TempFolder dir;
  dir.write("data_batch_1.bin", cifar({{1}, {2}, {3}}));
  const Dataset set = load("cifar10", dir);
  for (int c = 0; c < 3; ++c) {
    double mean = 0, deviation = 0;
    for (int i = 0; i < 3; ++i) {
      double m = 0, ss = 0;
      for (int p = 0; p < 1024; ++p) m += expected_pixel(i, p, c) / 255.0 / 1024;
      for (int p = 0; p < 1024; ++p) ss += std::pow(expected_pixel(i, p, c) / 255.0 - m, 2);
      mean += m / 3;
      deviation += std::sqrt(ss / 1023) / 3;
    }
    constexpr double kFloatRounding = 1e-6;
    CHECK(set.normalization.mean[static_cast<size_t>(c)] ==
          doctest::Approx(mean).epsilon(kFloatRounding));
    CHECK(set.normalization.std[static_cast<size_t>(c)] ==
          doctest::Approx(deviation).epsilon(kFloatRounding));
  }
}
