// One reader a data set. Each fills names, classes, the wanted parts and the hash; load_dataset
// adds the normalisation. A part that is wanted but not there is an Error{kData}.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/files.h"

namespace fedcamae {

Dataset read_fashion_mnist(const DatasetRequest& request);
Dataset read_cifar10(const DatasetRequest& request);
Dataset read_cifar100(const DatasetRequest& request);
Dataset read_svhn(const DatasetRequest& request);
Dataset read_folder(const DatasetRequest& request);

// The binary CIFAR layout: records of `label_bytes` labels (the last one counts, below `classes`)
// and 3072 pixel bytes as red, green and blue planes of 32 x 32. Appended to `set`.
void append_cifar_records(const std::filesystem::path& path, int label_bytes, int classes,
                          ImageSet& set, Hasher& hasher);

// The message for a part that is not there.
[[noreturn]] void missing_part(const std::filesystem::path& folder, const std::string& part,
                               const std::string& file);

}  // namespace fedcamae
