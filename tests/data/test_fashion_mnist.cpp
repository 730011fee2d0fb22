#include "data/dataset.h"
#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

const std::string kTrainX = "train-images-idx3-ubyte", kTrainY = "train-labels-idx1-ubyte";

void write_train(const TempFolder& dir, const std::string& below = "") {
  dir.write(below + kTrainX + ".gz", gzip(idx_images(3)));
  dir.write(below + kTrainY + ".gz", gzip(idx_labels({9, 0, 4})));
}

Dataset load(const TempFolder& dir, bool test = false) {
  return load_dataset(
      {.name = "fashion_mnist", .data_dir = dir.str(), .need_train = true, .need_test = test});
}

void check_broken(const std::string& file, const Bytes& bytes, const std::string& message) {
  const TempFolder dir;
  dir.write(kTrainX, idx_images(3));
  dir.write(kTrainY, idx_labels({9, 0, 4}));
  dir.write(file, bytes);
  check_error(ErrorKind::kData, file, [&] { load(dir); });
  check_error(ErrorKind::kData, message, [&] { load(dir); });
}

}  // namespace

TEST_CASE("fashion_mnist: gzipped and plain files, padded, three equal channels") {
  for (const std::string below : {"", "fashion-mnist/", "FashionMNIST/raw/"}) {
    const TempFolder dir;
    write_train(dir, below);
    dir.write(below + "t10k-images-idx3-ubyte", idx_images(1));
    dir.write(below + "t10k-labels-idx1-ubyte", idx_labels({7}));
    const Dataset set = load(dir, true);
    CHECK(set.classes == 10);
    CHECK(set.class_names.at(9) == "Ankle boot");
    CHECK(set.train.labels == std::vector<int32_t>{9, 0, 4});
    CHECK(set.test.labels == std::vector<int32_t>{7});
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t y = 0; y < 32; ++y)
        for (int64_t x = 0; x < 32; ++x)
          for (int64_t c = 0; c < 3; ++c) {
            const bool inside = y >= 2 && y < 30 && x >= 2 && x < 30;
            const int expected = inside ? (7 * i + (y - 2) * 28 + x - 2) % 256 : 0;
            REQUIRE(set.train.pixels[static_cast<size_t>(((i * 32 + y) * 32 + x) * 3 + c)] ==
                    expected);
          }
  }
}

TEST_CASE("fashion_mnist: the hash follows every byte, a subset keeps its images") {
  const TempFolder a, b;
  write_train(a);
  write_train(b);
  CHECK(load(a).hash == load(b).hash);
  CHECK(load(a).hash.size() == 16);
  b.write(kTrainY + ".gz", gzip(idx_labels({9, 1, 4})));
  CHECK(load(a).hash != load(b).hash);
  const Dataset set = load(a);
  const ImageSet part = set.train.subset({2, 0});
  CHECK(part.labels == std::vector<int32_t>{4, 9});
  CHECK(part.pixels[(2 * 32 + 2) * 3] == 14);
  CHECK(part.pixels.size() == 2 * 3072);
}

TEST_CASE("fashion_mnist: broken files name the file and the reason") {
  Bytes images = idx_images(3), labels = idx_labels({9, 0, 4});
  check_broken(kTrainX, {}, "is empty");
  check_broken(kTrainX, Bytes(images.begin(), images.end() - 1), "header says 3 items");
  check_broken(kTrainX, Bytes(images.begin(), images.begin() + 9), "no IDX header");
  check_broken(kTrainX, labels, "no IDX header");
  check_broken(kTrainX, idx_images(3, 27), "images of 27x27");
  check_broken(kTrainX, idx_images(0), "holds no items");
  check_broken(kTrainX, idx_images(4), "3 labels for 4 images");
  check_broken(kTrainY, images, "magic number 0x803");
  check_broken(kTrainY, idx_labels({9, 10, 4}), "label 10 of image 1");
  check_broken(kTrainY, idx_labels({9, 1}), "2 labels for 3 images");
  Bytes zipped = gzip(images);
  check_broken(kTrainX + ".gz", Bytes(zipped.begin(), zipped.end() - 20), "truncated");
  zipped[zipped.size() / 2] ^= 0x55;
  check_broken(kTrainX + ".gz", zipped, "corrupt");
  zipped = gzip(images);
  zipped.push_back(1);
  check_broken(kTrainX + ".gz", zipped, "1 bytes follow");
}

TEST_CASE("data_dir: missing, a file, a folder for a file, a missing part") {
  const TempFolder dir;
  check_error(ErrorKind::kData, "train-images-idx3-ubyte", [&] { load(dir); });
  write_train(dir);
  check_error(ErrorKind::kData, "the test part", [&] { load(dir, true); });
  CHECK(load(dir).test.count() == 0);
  check_error(ErrorKind::kData, "no such folder", [&] {
    load_dataset({.name = "fashion_mnist", .data_dir = (dir / "absent").string()});
  });
  check_error(ErrorKind::kData, "is a file", [&] {
    load_dataset({.name = "fashion_mnist", .data_dir = (dir / (kTrainX + ".gz")).string()});
  });
  std::filesystem::remove(dir / (kTrainX + ".gz"));
  std::filesystem::create_directory(dir / (kTrainX + ".gz"));
  check_error(ErrorKind::kData, "is a folder where a file", [&] { load(dir); });
  std::filesystem::remove(dir / (kTrainY + ".gz"));
  check_error(ErrorKind::kData, kTrainY, [&] { load(dir); });
  check_error(ErrorKind::kUsage, "did you mean 'cifar10'",
              [&] { load_dataset({.name = "cifra10", .data_dir = dir.str()}); });
}

TEST_CASE("fashion_mnist: Debian's files") {
  const std::filesystem::path place = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(place)) {
    MESSAGE("skipped: dataset-fashion-mnist is not installed");
    return;
  }
  const Dataset set = load_dataset({.name = "fashion_mnist", .data_dir = place.string()});
  CHECK(set.train.count() == 60000);
  CHECK(set.test.count() == 10000);
  std::vector<int> counts(10);
  for (const int32_t label : set.test.labels) ++counts[static_cast<size_t>(label)];
  CHECK(counts == std::vector<int>(10, 1000));
  // The widely published pixel mean of the 28 x 28 training images is 0.2860; zeros around them
  // scale it by (28 / 32)^2.
  CHECK(set.normalization.mean[0] == doctest::Approx(0.2860 * 784 / 1024).epsilon(1e-3));
  CHECK(set.normalization.mean[0] == set.normalization.mean[2]);
}
