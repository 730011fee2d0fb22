#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <thread>

#include "data/augment.h"
#include "tests/data/files_on_disk.h"
#include "tests/support/devices.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

// The first byte of image i is i: with the identity normalisation it tells which image it is.
ImageSet make_set(int64_t count, int64_t height = 6, int64_t width = 5) {
  ImageSet set;
  set.height = height;
  set.width = width;
  for (int64_t i = 0; i < count; ++i) {
    set.labels.push_back(static_cast<int32_t>(i % 7));
    for (int64_t b = 0; b < set.image_bytes(); ++b)
      set.pixels.push_back(static_cast<uint8_t>(b == 0 ? i : 31 * i + 17 * b));
  }
  return set;
}
std::vector<int64_t> range(int64_t n) {
  std::vector<int64_t> v(static_cast<size_t>(n));
  std::iota(v.begin(), v.end(), 0);
  return v;
}
std::vector<int64_t> ids(const Batch& batch) {
  const std::vector<float> x = batch.images.to_host();
  const size_t step = x.size() / static_cast<size_t>(batch.labels.size());
  std::vector<int64_t> out;
  for (size_t k = 0; k < x.size(); k += step) out.push_back(std::lround(x[k] * 255));
  return out;
}

}  // namespace

TEST_CASE("reflect padding and flip, by hand and against padding first") {
  // One row 10 20 30 40, padded by 2 without repeating the edge: 30 20 10 20 30 40 30 20.
  Bytes image;
  for (const uint8_t v : {10, 20, 30, 40}) image.insert(image.end(), 3, v);
  const NormalizationTable table({});
  std::vector<float> out(12);
  const auto row = [&](const AugmentDraw& draw) {
    transform_image(image.data(), 1, 4, draw, table, out.data());
    std::vector<long> v;
    for (size_t k = 0; k < 12; k += 3) v.push_back(std::lround(out[k] * 255));
    return v;
  };
  CHECK(row({0, 0, false}) == std::vector<long>{10, 20, 30, 40});
  CHECK(row({0, -2, false}) == std::vector<long>{30, 20, 10, 20});
  CHECK(row({0, 2, false}) == std::vector<long>{30, 40, 30, 20});
  CHECK(row({0, 2, true}) == std::vector<long>{20, 30, 40, 30});

  const ImageSet set = make_set(1);
  const int64_t h = 6, w = 5, pad = 3;
  const auto mirrored = [](int64_t i, int64_t n) {
    std::vector<int64_t> walk;  // n-1 .. 1, 0 .. n-1, n-2 .. 0: index i stands at i + n - 1
    for (int64_t k = n - 1; k > 0; --k) walk.push_back(k);
    for (int64_t k = 0; k < n; ++k) walk.push_back(k);
    for (int64_t k = n - 2; k >= 0; --k) walk.push_back(k);
    return walk[static_cast<size_t>(i + n - 1)];
  };
  const Normalization normalization{{0.1f, 0.2f, 0.3f}, {0.5f, 0.6f, 0.7f}};
  const NormalizationTable scaled(normalization);
  std::vector<float> got(static_cast<size_t>(set.image_bytes()));
  for (int64_t dy = -pad; dy <= pad; ++dy)
    for (int64_t dx = -pad; dx <= pad; ++dx)
      for (const bool flip : {false, true}) {
        transform_image(set.pixels.data(), h, w, {dy, dx, flip}, scaled, got.data());
        for (int64_t y = 0; y < h; ++y)
          for (int64_t x = 0; x < w; ++x)
            for (int64_t c = 0; c < 3; ++c) {
              const int64_t sx = mirrored((flip ? w - 1 - x : x) + dx, w);
              const int64_t at = (mirrored(y + dy, h) * w + sx) * 3 + c;
              const size_t k = static_cast<size_t>(c);
              const float expected =
                  (static_cast<float>(set.pixels[static_cast<size_t>(at)]) / 255.0f -
                   normalization.mean[k]) /
                  normalization.std[k];
              REQUIRE(got[static_cast<size_t>((y * w + x) * 3 + c)] == expected);
            }
      }
}

TEST_CASE("augmentation draws: whole range, keyed by everything they should be") {
  LoaderSpec spec{.augment = {2, 0.5}, .seed = 1};
  std::map<int64_t, int> rows, columns;
  int flips = 0;
  constexpr int kDraws = 5000;
  for (int64_t i = 0; i < kDraws; ++i) {
    const AugmentDraw d = draw_augment(spec, 0, i);
    ++rows[d.dy];
    ++columns[d.dx];
    flips += d.flip ? 1 : 0;
  }
  // 1000 expected each, standard deviation 28; flips 2500, deviation 35: six deviations.
  CHECK(rows.size() == 5);
  CHECK(columns.size() == 5);
  for (const auto& [offset, count] : rows) CHECK(std::abs(count - 1000) < 170);
  for (const auto& [offset, count] : columns) CHECK(std::abs(count - 1000) < 170);
  CHECK(std::abs(flips - 2500) < 210);
  const auto sequence = [](LoaderSpec s, int64_t epoch, int64_t first) {
    std::vector<int64_t> v;
    for (int64_t i = first; i < first + 30; ++i) v.push_back(draw_augment(s, epoch, i).dy);
    return v;
  };
  const std::vector<int64_t> base = sequence(spec, 0, 0);
  CHECK(sequence(spec, 0, 0) == base);
  CHECK(sequence(spec, 1, 0) != base);
  CHECK(sequence(spec, 0, 30) != base);
  for (const int changed : {0, 1, 2}) {
    LoaderSpec other = spec;
    (changed == 0 ? other.round : other.client) += changed < 2 ? 1u : 0u;
    other.seed += changed == 2 ? 1 : 0;
    CHECK(sequence(other, 0, 0) != base);
  }
}

TEST_CASE("file order without shuffle, a short last batch, the next epoch") {
  const ImageSet set = make_set(10);
  Context context(device_options(1));
  BatchLoader loader(set, range(10), {.batch = 4, .shuffle = false}, context);
  CHECK(loader.batches_per_epoch() == 3);
  for (int epoch = 0; epoch < 3; ++epoch) {
    const Batch a = loader.next();
    CHECK(a.images.shape() == Shape{4, 6, 5, 3});
    CHECK(ids(a) == std::vector<int64_t>{0, 1, 2, 3});
    CHECK(a.labels.to_host() == std::vector<int32_t>{0, 1, 2, 3});
    CHECK(ids(loader.next()) == std::vector<int64_t>{4, 5, 6, 7});
    CHECK(ids(loader.next()) == std::vector<int64_t>{8, 9});
  }
}

TEST_CASE("a last batch of one image is skipped only where asked for") {
  const ImageSet set = make_set(9);
  Context context(device_options(1));
  CHECK(BatchLoader(set, range(9), {.batch = 4}, context).batches_per_epoch() == 2);
  CHECK(
      BatchLoader(set, range(9), {.batch = 4, .drop_single = false}, context).batches_per_epoch() ==
      3);
  CHECK(BatchLoader(set, range(9), {.batch = 1}, context).batches_per_epoch() == 9);
  BatchLoader small(set, {3, 5}, {.batch = 64, .shuffle = false}, context);
  CHECK(small.batches_per_epoch() == 1);
  CHECK(ids(small.next()) == std::vector<int64_t>{3, 5});
  CHECK(ids(small.next()) == std::vector<int64_t>{3, 5});
  BatchLoader none(set, {3}, {.batch = 64}, context);
  CHECK(none.batches_per_epoch() == 0);
  check_error(ErrorKind::kUsage, "make no batch", [&] { none.next(); });
  CHECK_THROWS_AS(BatchLoader(set, {9}, {}, context), Error);
  CHECK_THROWS_AS(BatchLoader(set, {0}, {.augment = {5, 0}}, context), Error);
}

TEST_CASE("each epoch is an own permutation; the same bits whatever the timing") {
  const ImageSet set = make_set(50);
  Context context(device_options(1));
  const LoaderSpec spec{.batch = 8, .augment = {2, 0.5}, .seed = 4, .round = 2, .client = 3};
  std::vector<std::vector<float>> first;
  for (const int pause_us : {0, 300}) {
    BatchLoader loader(set, range(50), spec, context);
    for (size_t k = 0; k < 21; ++k) {
      std::this_thread::sleep_for(std::chrono::microseconds(pause_us * (k % 3)));
      const std::vector<float> x = loader.next().images.to_host();
      if (pause_us == 0)
        first.push_back(x);
      else
        CHECK(x == first[k]);
    }
  }
  LoaderSpec plain = spec;
  plain.augment = {};
  BatchLoader loader(set, range(50), plain, context);
  std::vector<std::vector<int64_t>> epochs(2);
  for (std::vector<int64_t>& epoch : epochs) {
    for (int k = 0; k < 7; ++k)
      for (const int64_t id : ids(loader.next())) epoch.push_back(id);
    std::vector<int64_t> sorted = epoch;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == range(50));
    CHECK(epoch != range(50));
  }
  CHECK(epochs[0] != epochs[1]);
}

TEST_CASE("an image's transform does not depend on batch size or on who else is there") {
  const ImageSet set = make_set(30);
  Context context(device_options(1));
  const LoaderSpec spec{.batch = 4, .augment = {2, 0.5}, .seed = 4, .round = 2, .client = 3};
  // The first epoch's image with this label; labels 0..6 are those of images 0..6.
  const auto transformed = [&](const std::vector<int64_t>& indices, int64_t batch, int32_t label) {
    LoaderSpec other = spec;
    other.batch = batch;
    other.drop_single = false;
    BatchLoader loader(set, indices, other, context);
    for (int64_t b = 0; b < loader.batches_per_epoch(); ++b) {
      const Batch next = loader.next();
      const std::vector<int32_t> labels = next.labels.to_host();
      const std::vector<float> x = next.images.to_host();
      for (size_t i = 0; i < labels.size(); ++i)
        if (labels[i] == label) {
          const auto first = x.begin() + static_cast<int64_t>(i) * set.image_bytes();
          return std::vector<float>(first, first + set.image_bytes());
        }
    }
    return std::vector<float>();
  };
  for (int32_t image = 0; image < 7; ++image) {
    std::vector<float> expected(static_cast<size_t>(set.image_bytes()));
    transform_image(set.pixels.data() + image * set.image_bytes(), 6, 5,
                    draw_augment(spec, 0, image), NormalizationTable({}), expected.data());
    CHECK(transformed(range(7), 7, image) == expected);
    CHECK(transformed(range(7), 2, image) == expected);
    CHECK(transformed({image}, 1, image) == expected);
  }
}

TEST_CASE("steps after the first allocate nothing; ending early joins the worker") {
  const ImageSet set = make_set(40);
  Context context(device_options(1));
  BatchLoader loader(set, range(40), {.batch = 8}, context);
  loader.next();
  const int64_t before = context.pool_stats().system_allocations;
  for (int k = 0; k < 20; ++k) loader.next();
  CHECK(context.pool_stats().system_allocations == before);
  for (int k = 0; k < 50; ++k) {
    BatchLoader short_lived(set, range(40), {.batch = 8}, context);
    if (k % 2 == 0) short_lived.next();
  }
}

TEST_CASE("make_batch: the images asked for, normalised") {
  const ImageSet set = make_set(5);
  Context context(device_options(1));
  const Normalization normalization{{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  const Batch batch = make_batch(set, {4, 2, 0}, 1, 2, normalization, context);
  CHECK(batch.labels.to_host() == std::vector<int32_t>{2, 0});
  CHECK(batch.images.shape() == Shape{2, 6, 5, 3});
  CHECK(batch.images.to_host()[0] == (2 / 255.0f - 0.5f) / 0.25f);
  CHECK_THROWS_AS(make_batch(set, {4, 2, 0}, 2, 2, normalization, context), Error);
  CHECK_THROWS_AS(make_batch(set, {0}, 0, 1, {{0, 0, 0}, {1, 0, 1}}, context), Error);
  CHECK(default_augment("cifar100").crop_padding == 4);
  CHECK(default_augment("svhn").crop_padding == 2);
  CHECK(default_augment("svhn").flip_probability == 0);
  CHECK(default_augment("folder").crop_padding == 0);
}
