// Your own images: one subfolder a class, sorted by name, below train/ and test/ (or val/); without
// a train/ the subfolders of the place itself are the training part. PNG, JPEG and BMP files count,
// others are passed over. If all images have one size they are kept as they are, otherwise each
// is brought to 32 x 32: shorter side to 32, bilinear, centre crop.
#include <stb_image.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "core/error.h"
#include "data/image_io.h"
#include "data/readers.h"

namespace fedcamae {
namespace fs = std::filesystem;
namespace {

struct File {
  fs::path path;
  int32_t label;
};

bool is_image(const fs::path& path) {
  std::string e = path.extension().string();
  std::transform(e.begin(), e.end(), e.begin(), [](unsigned char c) { return std::tolower(c); });
  return e == ".png" || e == ".jpg" || e == ".jpeg" || e == ".bmp";
}

std::vector<fs::path> sorted_entries(const fs::path& folder, bool folders) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.')) continue;
    if (folders ? it->is_directory() : is_image(it->path())) paths.push_back(it->path());
  }
  if (error)
    fail(ErrorKind::kData, "[data] {}: cannot be listed ({}); check its permissions",
         folder.string(), error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The images below `folder`; an empty `classes` is filled with its subfolders' names.
std::vector<File> list_part(const fs::path& folder, std::vector<std::string>& classes) {
  const bool first = classes.empty();
  std::vector<File> files;
  for (const fs::path& sub : sorted_entries(folder, true)) {
    const std::string name = sub.filename().string();
    if (first) classes.push_back(name);
    const auto known = std::find(classes.begin(), classes.end(), name);
    if (known == classes.end())
      fail(ErrorKind::kData, "[data] {}: class '{}' is not in the training part; add or remove it",
           sub.string(), name);
    const std::vector<fs::path> images = sorted_entries(sub, false);
    if (images.empty() && first)
      fail(ErrorKind::kData, "[data] {}: holds no PNG, JPEG or BMP image; add some or remove it",
           sub.string());
    for (const fs::path& path : images)
      files.push_back({path, static_cast<int32_t>(known - classes.begin())});
  }
  return files;
}

struct Size {
  int height = 0, width = 0;
  bool operator==(const Size&) const = default;
};

// The size that all files have (from their headers), or nothing.
std::optional<Size> common_size(const std::vector<File>& files, std::optional<Size> size) {
  for (const File& file : files) {
    Size own;
    int channels = 0;
    stbi_info(file.path.c_str(), &own.width, &own.height, &channels);
    if (size.has_value() && *size != own) return Size{};
    size = own;
  }
  return size;
}

ImageSet read_files(const std::vector<File>& files, Size size, const fs::path& root,
                    Hasher& hasher) {
  constexpr int kSide = 32;
  ImageSet set;
  const bool resize = size.height <= 0;
  set.height = resize ? kSide : size.height;
  set.width = resize ? kSide : size.width;
  for (const File& file : files) {
    const std::string name = fs::relative(file.path, root).string();
    hasher.add(name.data(), name.size());
    hasher.add(read_file(file.path));
    Picture picture = read_picture(file.path.string());
    if (resize) {
      for (const float v : resize_and_crop(picture, kSide))
        set.pixels.push_back(static_cast<uint8_t>(std::lround(v * 255.0f)));
    } else {
      check(picture.height == size.height && picture.width == size.width,
            "[data] {}: changed while it was read", file.path.string());
      set.pixels.insert(set.pixels.end(), picture.pixels.begin(), picture.pixels.end());
    }
    set.labels.push_back(file.label);
  }
  return set;
}

}  // namespace

Dataset read_folder(const DatasetRequest& request) {
  const char* place = std::getenv("FEDCAMAE_DATA_DIR");  // NOLINT(concurrency-mt-unsafe)
  const fs::path root = !request.data_dir.empty() ? request.data_dir
                        : place != nullptr        ? place
                                                  : "";
  if (root.empty())
    fail(ErrorKind::kUsage, "[data] data set 'folder' has no default place; pass --data-dir");
  if (!fs::is_directory(root))
    fail(ErrorKind::kData, "[data] {}: no such folder; --data-dir names the folder of the images",
         root.string());
  const fs::path test = first_of(root, {"test", "val"});
  const bool split = fs::is_directory(root / "train") || !test.empty();
  const fs::path train = split ? root / "train" : root;
  Dataset dataset;
  std::vector<File> train_files, test_files;
  if (fs::is_directory(train)) train_files = list_part(train, dataset.class_names);
  if (request.need_train && train_files.empty())
    missing_part(root, "train", "train/CLASS/ or CLASS/ with images");
  if (request.need_test) {
    if (!test.empty()) test_files = list_part(test, dataset.class_names);
    if (test_files.empty()) missing_part(root, "test", "test/CLASS/ or val/CLASS/ with images");
  }
  dataset.classes = static_cast<int64_t>(dataset.class_names.size());
  const Size size = common_size(test_files, common_size(train_files, {})).value_or(Size{});
  Hasher hasher;
  dataset.train = read_files(train_files, size, root, hasher);
  dataset.test = read_files(test_files, size, root, hasher);
  dataset.hash = hasher.hex();
  return dataset;
}

}  // namespace fedcamae
