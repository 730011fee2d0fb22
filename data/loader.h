// Batches of normalised float images, made ahead of time on a worker thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/context.h"
#include "core/tensor.h"
#include "data/dataset.h"

namespace fedcamae {

struct Batch {
  Tensor images;       // [n, H, W, 3], normalised
  IndexTensor labels;  // [n]
  bool defined() const { return images.defined(); }
};

struct AugmentSpec {
  int64_t crop_padding = 0;     // reflect-padded random crop of the original size; 0 = off
  double flip_probability = 0;  // horizontal
};
// The usual choice for a data set (paper.md 1.2): cifar: 4 and 0.5; svhn: 2 and 0; others: off.
AugmentSpec default_augment(const std::string& dataset);

struct LoaderSpec {
  int64_t batch = 64;
  bool shuffle = true;
  bool drop_single = true;  // skip a last batch of one image (batch norm needs two)
  AugmentSpec augment = {};
  Normalization normalization = {};
  uint64_t seed = 0;
  uint32_t round = 0, client = 0;  // part of the random key; augmentation is keyed per sample too
};

// One pass per epoch over `indices` of `set`; the same numbers whatever runs beside it. The set
// must outlive the loader.
class BatchLoader {
 public:
  BatchLoader(const ImageSet& set, std::vector<int64_t> indices, const LoaderSpec& spec,
              Context& context);
  ~BatchLoader();
  // The next batch, running on from one epoch (own shuffle and augmentation each) into the next.
  Batch next();
  int64_t batches_per_epoch() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Plain evaluation batch of images [first, first + n) of `indices`: no augmentation.
Batch make_batch(const ImageSet& set, const std::vector<int64_t>& indices, int64_t first, int64_t n,
                 const Normalization& normalization, Context& context);

}  // namespace fedcamae
