// Image sets in memory, and the readers that fill them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fedcamae {

// Pixels as the file has them, uint8 [count, height, width, 3]; labels in [0, classes).
struct ImageSet {
  int64_t height = 32, width = 32;
  std::vector<uint8_t> pixels;
  std::vector<int32_t> labels;
  int64_t count() const { return static_cast<int64_t>(labels.size()); }
  int64_t image_bytes() const { return height * width * 3; }
  ImageSet subset(const std::vector<int64_t>& indices) const;
};

struct Normalization {
  std::array<float, 3> mean{0, 0, 0};  // images are scaled to [0, 1], then (x - mean) / std
  std::array<float, 3> std{1, 1, 1};
};

struct Dataset {
  std::string name;
  int64_t classes = 0;
  std::vector<std::string> class_names;
  ImageSet train, test;         // test is empty where it was not asked for and is not there
  Normalization normalization;  // paper.md 1.2's table, else computed on the training part
  std::string hash;             // of the bytes that were read, for meta.json
};

struct DatasetRequest {
  std::string name;      // fashion_mnist | cifar10 | cifar100 | svhn | folder
  std::string data_dir;  // holds the files, or a folder named after the set or its archive; "" =
                         // the default places
  bool need_train = true, need_test = true;
};
// Throws Error{kData} with the file, the place and what to do next.
Dataset load_dataset(const DatasetRequest& request);

struct DatasetInfo {
  std::string name, doc;
  int64_t classes;  // 0 = from the files
};
const std::vector<DatasetInfo>& datasets();

}  // namespace fedcamae
