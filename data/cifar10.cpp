// CIFAR-10, binary version: data_batch_*.bin (any of them) and test_batch.bin.
#include "core/error.h"
#include "data/readers.h"

namespace fedcamae {
namespace fs = std::filesystem;

Dataset read_cifar10(const DatasetRequest& request) {
  const fs::path folder = find_folder("cifar10", request.data_dir,
                                      {"cifar10", "cifar-10", "cifar-10-batches-bin",
                                       "cifar-10-binary", "cifar-10-binary/cifar-10-batches-bin"},
                                      {"data_batch_*.bin", "test_batch.bin"});
  Dataset dataset;
  dataset.classes = 10;
  dataset.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                         "dog",      "frog",       "horse", "ship", "truck"};
  Hasher hasher;
  // The training part is read in any case where it is there: the normalisation comes from it.
  for (const fs::path& batch : matches(folder, "data_batch_*.bin"))
    append_cifar_records(batch, 1, 10, dataset.train, hasher);
  if (request.need_train && dataset.train.count() == 0)
    missing_part(folder, "train", "data_batch_*.bin");
  if (request.need_test) {
    if (!fs::exists(folder / "test_batch.bin")) missing_part(folder, "test", "test_batch.bin");
    append_cifar_records(folder / "test_batch.bin", 1, 10, dataset.test, hasher);
  }
  dataset.hash = hasher.hex();
  return dataset;
}

}  // namespace fedcamae
