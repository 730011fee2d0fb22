#include "fl/setup.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"

namespace fedcamae {

namespace {

template <class... Args>
void require(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) fail(ErrorKind::kUsage, format, std::forward<Args>(args)...);
}

// At most `count` of `indices` (0 = all), sorted.
std::vector<int64_t> subset(std::vector<int64_t> indices, int64_t count, Random& random) {
  if (count > 0 && count < static_cast<int64_t>(indices.size())) {
    random.shuffle(std::span(indices));
    indices.resize(static_cast<size_t>(count));
  }
  std::sort(indices.begin(), indices.end());
  return indices;
}

}  // namespace

void check_spec(const FederationSpec& spec, const Dataset& dataset) {
  require(spec.workers >= 1, "workers: at least 1, got {}", spec.workers);
  require(spec.threads >= 1, "threads: at least 1, got {}", spec.threads);
  require(spec.clients >= 1, "clients: at least 1, got {}", spec.clients);
  require(spec.attackers >= 0 && spec.attackers <= spec.clients,
          "attackers: from 0 to clients ({}), got {}", spec.clients, spec.attackers);
  require(spec.fraction > 0 && spec.fraction <= 1, "fraction: above 0 and at most 1, got {}",
          spec.fraction);
  require(spec.rounds >= 1, "rounds: at least 1, got {}", spec.rounds);
  require(spec.epochs >= 1, "epochs: at least 1, got {}", spec.epochs);
  require(spec.batch >= 2, "batch: at least 2 images, batch norm needs them; got {}", spec.batch);
  require(spec.eval_every >= 1, "eval every: at least 1 round, got {}", spec.eval_every);
  require(spec.pictures_every >= 0, "pictures every: 0 (never) or more rounds, got {}",
          spec.pictures_every);
  require(spec.train_images >= 0 && spec.test_images >= 0 && spec.server_images >= 0,
          "train images, test images, server images: not negative, got {}, {}, {}",
          spec.train_images, spec.test_images, spec.server_images);
  require(spec.attack_start >= 1 && spec.attack_stop >= 0,
          "attack start: from round 1, stop: 0 (to the end) or a round; got {} and {}",
          spec.attack_start, spec.attack_stop);
  require(spec.attack_stop == 0 || spec.attack_stop >= spec.attack_start,
          "attack stop: round {} comes before attack start, round {}", spec.attack_stop,
          spec.attack_start);
  const int64_t side = std::min(dataset.train.height, dataset.train.width);
  require(spec.augment.crop_padding >= 0 && spec.augment.crop_padding < side,
          "crop padding: from 0 to below the images' side ({}), got {}", side,
          spec.augment.crop_padding);
  require(spec.augment.flip_probability >= 0 && spec.augment.flip_probability <= 1,
          "flip probability: from 0 to 1, got {}", spec.augment.flip_probability);
  require(dataset.classes <= spec.model.classes,
          "model classes: {} has {} classes, the model only {}", dataset.name, dataset.classes,
          spec.model.classes);
  require(spec.server_images < dataset.train.count(),
          "server images: {} of {} training images leave none for the clients", spec.server_images,
          dataset.train.count());
  if (dataset.test.count() == 0)
    fail(ErrorKind::kData, "{}: no test images to evaluate the global model on", dataset.name);
}

std::vector<int64_t> choose_attackers(const FederationSpec& spec) {
  std::vector<int64_t> ids =
      Random({spec.seed, Purpose::kClientIds}).choose(spec.clients, spec.attackers);
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::vector<int64_t> sample_clients(const FederationSpec& spec, int64_t round) {
  const int64_t wanted = std::llround(spec.fraction * static_cast<double>(spec.clients));
  std::vector<int64_t> ids =
      Random({spec.seed, Purpose::kSampling, static_cast<uint32_t>(round)})
          .choose(spec.clients, std::clamp<int64_t>(wanted, 1, spec.clients));
  std::sort(ids.begin(), ids.end());
  return ids;
}

Split split_images(const FederationSpec& spec, const Dataset& dataset) {
  Random random({spec.seed, Purpose::kServerSplit});
  std::vector<std::vector<int64_t>> by_class(static_cast<size_t>(dataset.classes));
  for (size_t i = 0; i < dataset.train.labels.size(); ++i)
    by_class[static_cast<size_t>(dataset.train.labels[i])].push_back(static_cast<int64_t>(i));
  for (auto& indices : by_class) random.shuffle(std::span(indices));

  Split split;
  while (static_cast<int64_t>(split.server.size()) < spec.server_images)
    for (auto& indices : by_class)
      if (!indices.empty() && static_cast<int64_t>(split.server.size()) < spec.server_images) {
        split.server.push_back(indices.back());
        indices.pop_back();
      }
  std::vector<int64_t> rest;
  for (const auto& indices : by_class) rest.insert(rest.end(), indices.begin(), indices.end());
  std::sort(split.server.begin(), split.server.end());
  split.clients = subset(std::move(rest), spec.train_images, random);

  std::vector<int64_t> test(static_cast<size_t>(dataset.test.count()));
  std::iota(test.begin(), test.end(), 0);
  // Round 1 is the first of the clients' sampling, so round 0 of that purpose is free.
  Random test_random({spec.seed, Purpose::kSampling, 0});
  split.test = subset(std::move(test), spec.test_images, test_random);
  return split;
}

}  // namespace fedcamae
