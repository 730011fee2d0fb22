#include "data/dataset.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/options.h"
#include "data/readers.h"

namespace fedcamae {

ImageSet ImageSet::subset(const std::vector<int64_t>& indices) const {
  ImageSet out;
  out.height = height;
  out.width = width;
  out.labels.reserve(indices.size());
  out.pixels.reserve(indices.size() * static_cast<size_t>(image_bytes()));
  for (const int64_t i : indices) {
    check(i >= 0 && i < count(), "[subset] image {} of {}", i, count());
    const auto first = pixels.begin() + i * image_bytes();
    out.pixels.insert(out.pixels.end(), first, first + image_bytes());
    out.labels.push_back(labels[static_cast<size_t>(i)]);
  }
  return out;
}

namespace {

struct Entry {
  DatasetInfo info;
  Dataset (*read)(const DatasetRequest&);
  bool has_table;  // of normalisation values (the reference code's); else computed
  Normalization table;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {{"fashion_mnist", "Fashion-MNIST, gzipped or plain IDX, padded to 32x32x3", 10},
       read_fashion_mnist,
       false,
       {}},
      {{"cifar10", "CIFAR-10, binary version", 10}, read_cifar10, false, {}},
      {{"cifar100", "CIFAR-100, binary version, fine labels", 100},
       read_cifar100,
       true,
       {{0.5071f, 0.4865f, 0.4409f}, {0.2673f, 0.2564f, 0.2762f}}},
      {{"svhn", "SVHN cropped digits, MATLAB files", 10},
       read_svhn,
       true,
       {{0.4376821f, 0.4437697f, 0.47280442f}, {0.19803012f, 0.20101562f, 0.19703614f}}},
      {{"folder", "your own images, one subfolder a class, below train/ and test/ or val/", 0},
       read_folder,
       false,
       {}}};
  return all;
}

// Average over images of the per-image channel mean and of the per-image channel standard
// deviation (unbiased), as the reference code of the paper computes them. A channel without any
// spread gets 1, so that nothing is divided by zero.
Normalization measure(const ImageSet& set) {
  Normalization result;
  const int64_t n = set.height * set.width;
  std::array<double, 3> mean{}, deviation{};
  for (int64_t i = 0; i < set.count(); ++i) {
    const uint8_t* image = set.pixels.data() + i * set.image_bytes();
    std::array<int64_t, 3> sum{}, squares{};
    for (int64_t p = 0; p < 3 * n; p += 3)
      for (size_t c = 0; c < 3; ++c) {
        const int64_t v = image[p + static_cast<int64_t>(c)];
        sum[c] += v;
        squares[c] += v * v;
      }
    for (size_t c = 0; c < 3; ++c) {
      const double m = static_cast<double>(sum[c]) / static_cast<double>(n);
      const double ss = static_cast<double>(squares[c]) - m * static_cast<double>(sum[c]);
      mean[c] += m;
      deviation[c] += n > 1 ? std::sqrt(std::max(0.0, ss / static_cast<double>(n - 1))) : 0.0;
    }
  }
  const double scale = 255.0 * static_cast<double>(set.count());
  for (size_t c = 0; c < 3; ++c) {
    result.mean[c] = static_cast<float>(mean[c] / scale);
    result.std[c] = deviation[c] > 0 ? static_cast<float>(deviation[c] / scale) : 1.0f;
  }
  return result;
}

}  // namespace

void missing_part(const std::filesystem::path& folder, const std::string& part,
                  const std::string& file) {
  fail(ErrorKind::kData,
       "[data] {}: the {} part ({}) is not there; add it or pass another --data-dir",
       folder.string(), part, file);
}

const std::vector<DatasetInfo>& datasets() {
  static const std::vector<DatasetInfo> infos = [] {
    std::vector<DatasetInfo> list;
    for (const Entry& entry : entries()) list.push_back(entry.info);
    return list;
  }();
  return infos;
}

Dataset load_dataset(const DatasetRequest& request) {
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    names.push_back(entry.info.name);
    if (entry.info.name != request.name) continue;
    Dataset dataset = entry.read(request);
    dataset.name = request.name;
    if (entry.has_table)
      dataset.normalization = entry.table;
    else
      dataset.normalization = measure(dataset.train.count() > 0 ? dataset.train : dataset.test);
    return dataset;
  }
  const std::string near = nearest(request.name, names);
  fail(ErrorKind::kUsage, "[data] no data set '{}'{}; `fedcamae list datasets` shows them",
       request.name, near.empty() ? "" : ", did you mean '" + near + "'?");
}

}  // namespace fedcamae
