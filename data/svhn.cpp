// SVHN cropped digits (Netzer et al., 2011): train_32x32.mat and test_32x32.mat, MATLAB files with
// X, uint8 32 x 32 x 3 x N column-major, and y, labels 1..10 where 10 stands for digit 0.
#include <fmt/ranges.h>
#include <matio.h>

#include <cmath>
#include <memory>

#include "core/error.h"
#include "data/readers.h"

namespace fedcamae {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kSide = 32, kImage = kSide * kSide * 3;
constexpr size_t kMostImages = size_t{1} << 22;  // the largest official part has 531,131

using Mat = std::unique_ptr<mat_t, int (*)(mat_t*)>;
using Variable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;

std::string dims_text(const matvar_t& v) {
  return fmt::format("{}", fmt::join(v.dims, v.dims + v.rank, "x"));
}

Variable read_info(mat_t* mat, const char* name, const fs::path& path) {
  Variable variable(Mat_VarReadInfo(mat, name), Mat_VarFree);
  if (variable == nullptr || variable->dims == nullptr)
    fail(ErrorKind::kData, "[data] {}: no readable variable '{}'; fetch the file again",
         path.string(), name);
  return variable;
}

// Images in X; throws unless it is uint8 32 x 32 x 3 x N (a single image drops the last dimension).
size_t image_count(const matvar_t& x, const fs::path& path) {
  const bool shape =
      (x.rank == 4 || x.rank == 3) && x.dims[0] == kSide && x.dims[1] == kSide && x.dims[2] == 3;
  const size_t count = shape && x.rank == 4 ? x.dims[3] : 1;
  if (!shape || count == 0 || count > kMostImages || x.class_type != MAT_C_UINT8 || x.isComplex)
    fail(ErrorKind::kData,
         "[data] {}: variable 'X' is {} of class {}, expected uint8 32x32x3xN; use "
         "the cropped digits (format 2)",
         path.string(), dims_text(x), static_cast<int>(x.class_type));
  return count;
}

size_t label_bytes(const matvar_t& y) {
  return y.class_type == MAT_C_UINT8 ? 1 : y.class_type == MAT_C_INT32 ? 4 : 8;
}

double label_at(const matvar_t& y, size_t i) {
  switch (y.class_type) {
    case MAT_C_UINT8:
      return static_cast<const uint8_t*>(y.data)[i];
    case MAT_C_INT32:
      return static_cast<const int32_t*>(y.data)[i];
    case MAT_C_INT64:
      return static_cast<double>(static_cast<const int64_t*>(y.data)[i]);
    default:
      return static_cast<const double*>(y.data)[i];
  }
}

void check_labels(const matvar_t& y, size_t count, const fs::path& path) {
  const bool type = y.class_type == MAT_C_UINT8 || y.class_type == MAT_C_INT32 ||
                    y.class_type == MAT_C_INT64 || y.class_type == MAT_C_DOUBLE;
  if (!type || y.isComplex || y.rank != 2 || (y.dims[0] != 1 && y.dims[1] != 1))
    fail(ErrorKind::kData,
         "[data] {}: variable 'y' is {} of class {}, expected Nx1 numbers; fetch "
         "the file again",
         path.string(), dims_text(y), static_cast<int>(y.class_type));
  if (y.dims[0] * y.dims[1] != count)
    fail(ErrorKind::kData, "[data] {}: {} labels in 'y' for {} images in 'X'; fetch the file again",
         path.string(), y.dims[0] * y.dims[1], count);
}

void read_data(mat_t* mat, matvar_t* variable, size_t bytes, const fs::path& path) {
  if (Mat_VarReadDataAll(mat, variable) != 0 || variable->data == nullptr ||
      variable->nbytes != bytes)
    fail(ErrorKind::kData,
         "[data] {}: the data of variable '{}' is truncated or corrupt; fetch "
         "the file again",
         path.string(), variable->name == nullptr ? "?" : variable->name);
}

ImageSet read_part(const fs::path& path, Hasher& hasher) {
  hasher.add(read_file(path));
  const Mat mat(Mat_Open(path.c_str(), MAT_ACC_RDONLY), Mat_Close);
  if (mat == nullptr)
    fail(ErrorKind::kData, "[data] {}: not a MATLAB file; fetch the file again", path.string());
  const Variable x = read_info(mat.get(), "X", path);
  const size_t count = image_count(*x, path);
  read_data(mat.get(), x.get(), count * kImage, path);
  const Variable y = read_info(mat.get(), "y", path);
  check_labels(*y, count, path);
  read_data(mat.get(), y.get(), count * label_bytes(*y), path);
  ImageSet set;
  set.labels.resize(count);
  set.pixels.resize(count * kImage);
  for (size_t i = 0; i < count; ++i) {
    const double label = label_at(*y, i);
    if (!(label >= 1 && label <= 10) || label != std::floor(label))
      fail(ErrorKind::kData,
           "[data] {}: label {} of image {} is not in 1..10; fetch the file again", path.string(),
           label, i);
    set.labels[i] = static_cast<int32_t>(label) % 10;
    const uint8_t* from = static_cast<const uint8_t*>(x->data) + i * kImage;
    uint8_t* to = set.pixels.data() + i * kImage;
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t col = 0; col < kSide; ++col)
        for (int64_t row = 0; row < kSide; ++row)
          to[(row * kSide + col) * 3 + c] = from[(c * kSide + col) * kSide + row];
  }
  return set;
}

}  // namespace

Dataset read_svhn(const DatasetRequest& request) {
  const fs::path folder = find_folder("svhn", request.data_dir, {"svhn", "SVHN"},
                                      {"train_32x32.mat", "test_32x32.mat"});
  Dataset dataset;
  dataset.classes = 10;
  dataset.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  Hasher hasher;
  const auto part = [&](const std::string& name, bool needed, ImageSet& set) {
    if (!needed) return;
    const fs::path path = folder / (name + "_32x32.mat");
    if (!fs::exists(path)) missing_part(folder, name, name + "_32x32.mat");
    set = read_part(path, hasher);
  };
  part("train", request.need_train, dataset.train);
  part("test", request.need_test, dataset.test);
  dataset.hash = hasher.hex();
  return dataset;
}

}  // namespace fedcamae
