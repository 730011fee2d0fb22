// Where a data set is looked for, and whole files.
#include "data/files.h"

#include <cstdlib>
#include <optional>

#include "data/dataset.h"
#include "tests/data/files_on_disk.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

// An environment variable for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (before_)
      setenv(name_, before_->c_str(), 1);
    else
      unsetenv(name_);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

Dataset load(const std::string& name, const std::string& dir, bool train = true,
             bool test = false) {
  return load_dataset({.name = name, .data_dir = dir, .need_train = train, .need_test = test});
}

void write_set(const TempFolder& dir, const std::string& name, const std::string& below) {
  if (name == "fashion_mnist") {
    dir.write(below + "train-images-idx3-ubyte", idx_images(2));
    dir.write(below + "train-labels-idx1-ubyte", idx_labels({3, 1}));
  } else if (name == "cifar10") {
    dir.write(below + "data_batch_3.bin", cifar({{3}, {1}}));
  } else if (name == "cifar100") {
    dir.write(below + "train.bin", cifar({{0, 3}, {0, 1}}));
  } else {
    std::filesystem::create_directories(dir / below);
    write_mat((dir / (below + "train_32x32.mat")).string(), {.labels = {3, 1}});
  }
}

}  // namespace

TEST_CASE("--data-dir: the files themselves, or a folder named after the set or its archive") {
  struct Place {
    std::string set, below;
  };
  const std::vector<Place> places{{"fashion_mnist", ""},
                                  {"fashion_mnist", "fashion_mnist/"},
                                  {"fashion_mnist", "fashion-mnist/"},
                                  {"fashion_mnist", "FashionMNIST/raw/"},
                                  {"cifar10", ""},
                                  {"cifar10", "cifar10/"},
                                  {"cifar10", "cifar-10/"},
                                  {"cifar10", "cifar-10-batches-bin/"},
                                  {"cifar10", "cifar-10-binary/cifar-10-batches-bin/"},
                                  {"cifar100", ""},
                                  {"cifar100", "cifar100/"},
                                  {"cifar100", "cifar-100/"},
                                  {"cifar100", "cifar-100-binary/"},
                                  {"svhn", ""},
                                  {"svhn", "svhn/"},
                                  {"svhn", "SVHN/"}};
  for (const Place& place : places) {
    CAPTURE(place.set);
    CAPTURE(place.below);
    const TempFolder dir;
    write_set(dir, place.set, place.below);
    const Dataset dataset = load(place.set, dir.str());
    CHECK(dataset.name == place.set);
    CHECK(dataset.train.labels == std::vector<int32_t>{3, 1});
    CHECK(dataset.train.pixels.size() == 2 * 3072);
    CHECK(dataset.test.count() == 0);
    check_error(ErrorKind::kData, "test part", [&] { load(place.set, dir.str(), true, true); });
  }
}

TEST_CASE("without --data-dir: the default places, the first that has the set") {
  const TempFolder first, second, nowhere;
  write_set(second, "cifar100", "fedcamae/cifar100/");
  const Environment data_dir("FEDCAMAE_DATA_DIR", first.str());
  {
    const Environment xdg("XDG_DATA_HOME", second.str());
    CHECK(load("cifar100", "").train.count() == 2);
    write_set(first, "cifar100", "");
    first.write("train.bin", cifar({{0, 9}}));
    CHECK(load("cifar100", "").train.labels == std::vector<int32_t>{9});
    std::filesystem::remove(first / "train.bin");
  }
  const TempFolder home;
  write_set(home, "svhn", ".local/share/fedcamae/svhn/");
  const Environment no_xdg("XDG_DATA_HOME", "");
  const Environment my_home("HOME", home.str());
  CHECK(load("svhn", "").train.count() == 2);
  // An explicit folder is the only place.
  check_error(ErrorKind::kData, nowhere.str(), [&] { load("svhn", nowhere.str()); });
  check_error(ErrorKind::kData, first.str(), [&] { load("cifar10", ""); });
}

TEST_CASE("any whole number of records: one, several, several files") {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{257}}) {
    CAPTURE(count);
    const TempFolder dir;
    Bytes labels(count, 1);
    labels.back() = 9;
    std::vector<Bytes> ten, hundred;
    for (const uint8_t label : labels) {
      ten.push_back({label});
      hundred.push_back({0, label});
    }
    dir.write("cifar10/data_batch_5.bin", cifar(ten));
    dir.write("cifar100/train.bin", cifar(hundred));
    dir.write("fashion_mnist/train-images-idx3-ubyte", idx_images(static_cast<uint32_t>(count)));
    dir.write("fashion_mnist/train-labels-idx1-ubyte", idx_labels(labels));
    std::filesystem::create_directories(dir / "svhn");
    write_mat((dir / "svhn/train_32x32.mat").string(),
              {.x_dims = {32, 32, 3, count}, .labels = {labels.begin(), labels.end()}});
    for (const char* name : {"cifar10", "cifar100", "fashion_mnist", "svhn"}) {
      const Dataset dataset = load(name, dir.str());
      CHECK(dataset.train.count() == static_cast<int64_t>(count));
      CHECK(dataset.train.labels.back() == 9);
      CHECK(dataset.train.pixels.size() == 3072 * count);
    }
  }
}

TEST_CASE("only the test part: there it is enough") {
  const TempFolder dir;
  dir.write("cifar100/test.bin", cifar({{0, 42}}));
  dir.write("fashion_mnist/t10k-images-idx3-ubyte", idx_images(1));
  dir.write("fashion_mnist/t10k-labels-idx1-ubyte", idx_labels({5}));
  std::filesystem::create_directories(dir / "svhn");
  write_mat((dir / "svhn/test_32x32.mat").string(), {.x_dims = {32, 32, 3, 1}, .labels = {10}});
  CHECK(load("cifar100", dir.str(), false, true).test.labels == std::vector<int32_t>{42});
  CHECK(load("fashion_mnist", dir.str(), false, true).test.labels == std::vector<int32_t>{5});
  CHECK(load("svhn", dir.str(), false, true).test.labels == std::vector<int32_t>{0});
  for (const char* name : {"cifar100", "fashion_mnist", "svhn"})
    check_error(ErrorKind::kData, "train part", [&] { load(name, dir.str(), true, true); });
}

TEST_CASE(
    "gunzip: plain bytes pass, a bomb is stopped; the hash does not see where bytes are cut") {
  const Bytes plain{1, 2, 3}, large(100000, 7);
  CHECK(gunzip(plain, "p", 10) == plain);
  CHECK(gunzip(gzip(large), "p", 100000) == large);
  check_error(ErrorKind::kData, "more than 99999 bytes", [&] { gunzip(gzip(large), "p", 99999); });
  Hasher whole, cut;
  whole.add(large);
  cut.add(large.data(), 33);
  cut.add(large.data() + 33, large.size() - 33);
  CHECK(whole.hex() == cut.hex());
  // XXH3's own test vector: 64 bits of no input.
  CHECK(Hasher().hex() == "2d06800538d394c2");
}
