// Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): IDX files, big-endian headers, grey 28 x 28, gzipped
// or not. Images are padded with zeros to 32 x 32 and copied into three equal channels.
#include "core/error.h"
#include "data/readers.h"

namespace fedcamae {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kSide = 28, kPadded = 32, kBorder = (kPadded - kSide) / 2;
constexpr uint32_t kImageMagic = 0x803, kLabelMagic = 0x801;
constexpr size_t kMost = size_t{1} << 30;  // unpacked bytes; the real training images are 47 MB

uint32_t big_endian(const Bytes& bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 |
         static_cast<uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
}

// Magic, header length, whole size; returns the number of items.
int64_t idx_count(const Bytes& bytes, const fs::path& path, uint32_t magic, size_t header,
                  size_t item) {
  if (bytes.size() < header)
    fail(ErrorKind::kData, "[data] {}: {} bytes are no IDX header of {}; fetch the file again",
         path.string(), bytes.size(), header);
  if (big_endian(bytes, 0) != magic)
    fail(ErrorKind::kData, "[data] {}: magic number 0x{:x} at byte 0, expected 0x{:x}; is it {}?",
         path.string(), big_endian(bytes, 0), magic, magic == kImageMagic ? "images" : "labels");
  const int64_t count = big_endian(bytes, 4);
  if (count == 0)
    fail(ErrorKind::kData, "[data] {}: holds no items; fetch it again", path.string());
  const size_t expected = header + static_cast<size_t>(count) * item;
  if (bytes.size() != expected)
    fail(ErrorKind::kData,
         "[data] {}: {} bytes, but its header says {} items, {} bytes; fetch it again",
         path.string(), bytes.size(), count, expected);
  return count;
}

ImageSet read_part(const fs::path& images_path, const fs::path& labels_path, Hasher& hasher) {
  const Bytes raw_images = read_file(images_path), raw_labels = read_file(labels_path);
  hasher.add(raw_images);
  hasher.add(raw_labels);
  const Bytes images = gunzip(raw_images, images_path, kMost);
  const Bytes labels = gunzip(raw_labels, labels_path, kMost);
  if (images.size() >= 16 && big_endian(images, 0) == kImageMagic &&
      (big_endian(images, 8) != kSide || big_endian(images, 12) != kSide))
    fail(ErrorKind::kData, "[data] {}: images of {}x{}, expected 28x28; fetch the file again",
         images_path.string(), big_endian(images, 8), big_endian(images, 12));
  const int64_t count = idx_count(images, images_path, kImageMagic, 16, kSide * kSide);
  const int64_t label_count = idx_count(labels, labels_path, kLabelMagic, 8, 1);
  if (count != label_count)
    fail(ErrorKind::kData, "[data] {}: {} labels for {} images of {}; fetch both again",
         labels_path.string(), label_count, count, images_path.filename().string());
  ImageSet set;
  set.labels.resize(static_cast<size_t>(count));
  for (size_t i = 0; i < set.labels.size(); ++i) {
    set.labels[i] = labels[8 + i];
    if (set.labels[i] > 9)
      fail(ErrorKind::kData, "[data] {}: label {} of image {} is not in 0..9; fetch it again",
           labels_path.string(), set.labels[i], i);
  }
  set.pixels.assign(static_cast<size_t>(count * set.image_bytes()), 0);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t y = 0; y < kSide; ++y) {
      const uint8_t* from = images.data() + 16 + (i * kSide + y) * kSide;
      uint8_t* to =
          set.pixels.data() + i * set.image_bytes() + ((y + kBorder) * kPadded + kBorder) * 3;
      for (int64_t x = 0; x < kSide; ++x) to[3 * x] = to[3 * x + 1] = to[3 * x + 2] = from[x];
    }
  return set;
}

std::vector<std::string> spellings(const std::string& part, const std::string& kind, int rank) {
  const std::string stem = part + "-" + kind;
  const std::string tail = "idx" + std::to_string(rank) + "-ubyte";
  return {stem + "-" + tail + ".gz", stem + "-" + tail, stem + "." + tail};
}

}  // namespace

Dataset read_fashion_mnist(const DatasetRequest& request) {
  std::vector<std::string> images = spellings("train", "images", 3);
  const std::vector<std::string> test_images = spellings("t10k", "images", 3);
  std::vector<std::string> markers = images;
  markers.insert(markers.end(), test_images.begin(), test_images.end());
  const fs::path folder = find_folder(
      "fashion_mnist", request.data_dir,
      {"fashion_mnist", "fashion-mnist", "FashionMNIST", "FashionMNIST/raw", "fashion-mnist/raw"},
      markers);
  Dataset dataset;
  dataset.classes = 10;
  dataset.class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                         "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  Hasher hasher;
  const auto part = [&](const std::string& stem, const std::string& name, bool needed) {
    const fs::path x = first_of(folder, spellings(stem, "images", 3));
    const fs::path y = first_of(folder, spellings(stem, "labels", 1));
    if (!needed && (x.empty() || y.empty())) return ImageSet{};
    if (x.empty()) missing_part(folder, name, stem + "-images-idx3-ubyte.gz");
    if (y.empty()) missing_part(folder, name, stem + "-labels-idx1-ubyte.gz");
    return read_part(x, y, hasher);
  };
  // The training part is read in any case where it is there: the normalisation comes from it.
  dataset.train = part("train", "train", request.need_train);
  if (request.need_test) dataset.test = part("t10k", "test", true);
  dataset.hash = hasher.hex();
  return dataset;
}

}  // namespace fedcamae
