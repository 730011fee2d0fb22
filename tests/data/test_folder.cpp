#include "data/dataset.h"
#include "data/image_io.h"
#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {
void put(const TempFolder& dir, const std::string& name, int64_t height, int64_t width,
         uint8_t value) {
  std::filesystem::create_directories((dir / name).parent_path());
  write_png((dir / name).string(),
            {height, width, Bytes(static_cast<size_t>(height * width * 3), value)});
}
Dataset load(const TempFolder& dir, bool train = true, bool test = false) {
  return load_dataset(
      {.name = "folder", .data_dir = dir.str(), .need_train = train, .need_test = test});
}
}  // namespace

TEST_CASE("folder: classes sorted by name, images of one size stay") {
  const TempFolder dir;
  put(dir, "train/dog/b.png", 20, 24, 10);
  put(dir, "train/dog/a.png", 20, 24, 20);
  put(dir, "train/cat/z.png", 20, 24, 30);
  put(dir, "val/dog/x.png", 20, 24, 40);
  dir.write("train/cat/notes.txt", {1});
  const Dataset set = load(dir, true, true);
  CHECK(set.class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(set.classes == 2);
  CHECK(set.train.labels == std::vector<int32_t>{0, 1, 1});
  CHECK(set.train.height == 20);
  CHECK(set.train.width == 24);
  CHECK(set.train.pixels[0] == 30);
  CHECK(set.train.pixels[20 * 24 * 3] == 20);
  CHECK(set.test.labels == std::vector<int32_t>{1});
  CHECK(set.normalization.mean[0] == doctest::Approx(20.0 / 255));
  CHECK(set.normalization.std[0] == 1.0f);  // no image has any spread
}

TEST_CASE("folder: classes at the top, mixed sizes become 32 x 32") {
  const TempFolder dir;
  put(dir, "one/a.png", 40, 64, 5);
  put(dir, "two/a.png", 16, 16, 6);
  const Dataset set = load(dir);
  CHECK(set.train.height == 32);
  CHECK(set.train.width == 32);
  CHECK(set.train.pixels.size() == 2 * 3072);
  CHECK(set.train.pixels.front() == 5);
  CHECK(set.train.pixels.back() == 6);
  check_error(ErrorKind::kData, "test part", [&] { load(dir, true, true); });
}

TEST_CASE("folder: broken folders and images") {
  const TempFolder dir;
  check_error(ErrorKind::kData, "train part", [&] { load(dir); });
  put(dir, "train/a/1.png", 8, 8, 1);
  put(dir, "test/b/1.png", 8, 8, 1);
  check_error(ErrorKind::kData, "class 'b'", [&] { load(dir, true, true); });
  std::filesystem::create_directory(dir / "train/c");
  check_error(ErrorKind::kData, "train/c", [&] { load(dir); });
  dir.write("train/c/bad.png", {1, 2, 3});
  check_error(ErrorKind::kData, "train/c/bad.png", [&] { load(dir); });
  dir.write("train/c/bad.png", {});
  check_error(ErrorKind::kData, "is empty", [&] { load(dir); });
}
