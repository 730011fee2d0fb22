// Random truncations and bit flips of every format: a set or an Error{kData}, never anything else.
#include "core/random.h"
#include "data/dataset.h"
#include "data/image_io.h"
#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

void fuzz(const TempFolder& dir, const std::string& set, const std::string& file, int rounds) {
  const Bytes good = dir.read(file);
  Random random({.seed = 11});
  int refused = 0;
  for (int k = 0; k < rounds; ++k) {
    CAPTURE(set);
    CAPTURE(k);
    Bytes bad = good;
    if (k % 3 == 0) bad.resize(random.below(good.size()));
    // Half of the flips hit the first bytes, where headers are.
    const uint64_t reach = k % 2 == 0 ? std::min<uint64_t>(bad.size(), 200) : bad.size();
    for (int flip = 0; flip < 4 && reach > 0; ++flip)
      bad[random.below(reach)] ^= static_cast<uint8_t>(1u << random.below(8));
    dir.write(file, bad);
    try {
      const Dataset result = load_dataset(
          {.name = set, .data_dir = dir.str(), .need_train = true, .need_test = false});
      CHECK(result.train.pixels.size() ==
            static_cast<size_t>(result.train.count() * result.train.image_bytes()));
      for (const int32_t label : result.train.labels) REQUIRE(label < result.classes);
    } catch (const Error& error) {
      ++refused;
      CHECK(error.kind() == ErrorKind::kData);
    }
  }
  CHECK(refused > 0);
}

}  // namespace

TEST_CASE("broken bytes: idx, gzip, cifar") {
  const TempFolder plain, zipped, ten, hundred;
  plain.write("train-images-idx3-ubyte", idx_images(3));
  plain.write("train-labels-idx1-ubyte", idx_labels({1, 2, 3}));
  fuzz(plain, "fashion_mnist", "train-images-idx3-ubyte", 300);
  zipped.write("train-images-idx3-ubyte.gz", gzip(idx_images(3)));
  zipped.write("train-labels-idx1-ubyte", idx_labels({1, 2, 3}));
  fuzz(zipped, "fashion_mnist", "train-images-idx3-ubyte.gz", 300);
  ten.write("data_batch_1.bin", cifar({{1}, {2}}));
  fuzz(ten, "cifar10", "data_batch_1.bin", 300);
  hundred.write("train.bin", cifar({{1, 2}, {2, 3}}));
  fuzz(hundred, "cifar100", "train.bin", 300);
}

TEST_CASE("broken bytes: pictures") {
  const TempFolder dir;
  std::filesystem::create_directory(dir / "a");
  Picture picture{16, 16, Bytes(16 * 16 * 3)};
  for (size_t k = 0; k < picture.pixels.size(); ++k)
    picture.pixels[k] = static_cast<uint8_t>(k * k);
  write_png((dir / "a/1.png").string(), picture);
  fuzz(dir, "folder", "a/1.png", 300);
}

TEST_CASE("broken bytes: svhn") {
  for (const bool compressed : {true, false}) {
    const TempFolder dir;
    write_mat((dir / "train_32x32.mat").string(), {.compressed = compressed});
    fuzz(dir, "svhn", "train_32x32.mat", 300);
  }
}
