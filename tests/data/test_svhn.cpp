#include "data/dataset.h"
#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {
Dataset load(const TempFolder& dir, bool test = false) {
  return load_dataset(
      {.name = "svhn", .data_dir = dir.str(), .need_train = true, .need_test = test});
}
void check_broken(const MatSpec& spec, const std::string& message) {
  const TempFolder dir;
  write_mat((dir / "train_32x32.mat").string(), spec);
  check_error(ErrorKind::kData, (dir / "train_32x32.mat").string(), [&] { load(dir); });
  check_error(ErrorKind::kData, message, [&] { load(dir); });
}
}  // namespace

TEST_CASE("svhn: column-major images, label 10 is digit 0") {
  for (const bool compressed : {true, false})
    for (const matio_classes y : {MAT_C_UINT8, MAT_C_DOUBLE}) {
      const TempFolder dir;
      write_mat((dir / "train_32x32.mat").string(), {.compressed = compressed, .y_class = y});
      const Dataset set = load(dir);
      CHECK(set.train.labels == std::vector<int32_t>{0, 3});
      CHECK(set.normalization.mean[0] == 0.4376821f);
      for (int i = 0; i < 2; ++i)
        for (int row = 0; row < 32; ++row)
          for (int col = 0; col < 32; ++col)
            for (int c = 0; c < 3; ++c)
              REQUIRE(set.train.pixels[static_cast<size_t>(((i * 32 + row) * 32 + col) * 3 + c)] ==
                      (((i * 3 + c) * 32 + col) * 32 + row) / 5 % 251);
    }
}

TEST_CASE("svhn: a single image, whose last dimension MATLAB drops") {
  const TempFolder dir;
  write_mat((dir / "train_32x32.mat").string(), {.x_dims = {32, 32, 3}, .labels = {4}});
  CHECK(load(dir).train.labels == std::vector<int32_t>{4});
  check_error(ErrorKind::kData, "test_32x32.mat", [&] { load(dir, true); });
}

TEST_CASE("svhn: wrong variables") {
  check_broken({.with_x = false}, "no readable variable 'X'");
  check_broken({.with_y = false}, "no readable variable 'y'");
  check_broken({.x_dims = {32, 32, 1, 2}}, "32x32x1x2");
  check_broken({.x_dims = {32, 96, 2}}, "32x96x2");
  check_broken({.x_class = MAT_C_DOUBLE}, "expected uint8");
  check_broken({.labels = {1, 2, 3}}, "3 labels in 'y' for 2 images");
  check_broken({.labels = {1, 0}}, "label 0 of image 1");
  check_broken({.labels = {11, 1}}, "label 11 of image 0");
  check_broken({.labels = {1, 2.5}, .y_class = MAT_C_DOUBLE}, "label 2.5");
}

TEST_CASE("svhn: no MATLAB file, truncated files") {
  const TempFolder dir;
  dir.write("train_32x32.mat", Bytes(500, 'x'));
  check_error(ErrorKind::kData, "not a MATLAB file", [&] { load(dir); });
  for (const bool compressed : {true, false}) {
    write_mat((dir / "train_32x32.mat").string(), {.compressed = compressed});
    const Bytes good = dir.read("train_32x32.mat");
    for (const size_t keep :
         {size_t{0}, size_t{50}, size_t{130}, good.size() / 2, good.size() - 9}) {
      CAPTURE(keep);
      dir.write("train_32x32.mat", Bytes(good.begin(), good.begin() + static_cast<long>(keep)));
      check_error(ErrorKind::kData, "train_32x32.mat", [&] { load(dir); });
    }
  }
}
