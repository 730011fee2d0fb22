// CIFAR-100, binary version: train.bin and test.bin, a coarse and a fine label a record.
#include "core/error.h"
#include "data/readers.h"

namespace fedcamae {
namespace fs = std::filesystem;

Dataset read_cifar100(const DatasetRequest& request) {
  const fs::path folder = find_folder(
      "cifar100", request.data_dir,
      {"cifar100", "cifar-100", "cifar-100-binary", "cifar-100-binary/cifar-100-binary"},
      {"train.bin", "test.bin"});
  Dataset dataset;
  dataset.classes = 100;
  dataset.class_names = {
      "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
      "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
      "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
      "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
      "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
      "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
      "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
      "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
      "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
      "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
      "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
      "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
      "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
      "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
      "table",       "tank",          "telephone", "television", "tiger",        "tractor",
      "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
      "willow_tree", "wolf",          "woman",     "worm"};
  Hasher hasher;
  const auto part = [&](const std::string& name, bool needed, ImageSet& set) {
    if (!needed) return;
    const fs::path path = folder / (name + ".bin");
    if (!fs::exists(path)) missing_part(folder, name, name + ".bin");
    append_cifar_records(path, 2, 100, set, hasher);
  };
  part("train", request.need_train, dataset.train);
  part("test", request.need_test, dataset.test);
  dataset.hash = hasher.hex();
  return dataset;
}

}  // namespace fedcamae
