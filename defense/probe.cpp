#include "defense/probe.h"

#include <algorithm>
#include <map>

#include "core/random.h"

namespace fedcamae {
namespace {

struct Labelled {
  std::vector<Picture> pictures;
  std::vector<int32_t> labels;
};

// Round by round another image of every class that has one left, classes in a random order.
std::vector<int64_t> of_every_class(const ImageSet& set, Random& random) {
  std::map<int32_t, std::vector<int64_t>> by_class;
  for (size_t i = 0; i < set.labels.size(); ++i)
    by_class[set.labels[i]].push_back(static_cast<int64_t>(i));
  std::vector<std::vector<int64_t>> piles;
  for (auto& [label, pile] : by_class) piles.push_back(std::move(pile));
  random.shuffle(std::span(piles));
  for (std::vector<int64_t>& pile : piles) random.shuffle(std::span(pile));
  const auto count = static_cast<size_t>(std::min(set.count(), kMostProbes));
  std::vector<int64_t> chosen;
  for (size_t depth = 0; chosen.size() < count; ++depth)
    for (const std::vector<int64_t>& pile : piles)
      if (depth < pile.size() && chosen.size() < count) chosen.push_back(pile[depth]);
  return chosen;
}

Labelled choose(const ProbeSpec& spec, const RoundContext& round) {
  if (spec.fixed) return {{*spec.fixed}, {static_cast<int32_t>(spec.label)}};
  const ImageSet& set = round.server.images;
  Labelled chosen;
  Random random({round.seed, Purpose::kProbe, static_cast<uint32_t>(round.round)});
  const std::vector<int64_t> images =
      spec.count == 0 ? of_every_class(set, random) : random.choose(set.count(), spec.count);
  for (const int64_t i : images) {
    const ImageSet one = set.subset({i});
    chosen.pictures.push_back({one.height, one.width, one.pixels});
    chosen.labels.push_back(one.labels[0]);
  }
  return chosen;
}

}  // namespace

void check_probe(const ProbeSpec& spec, const Model& model, const ServerData& server) {
  if (spec.fixed && spec.label >= model.spec().classes)
    fail(ErrorKind::kUsage, "defense: probe_label {} is none of the model's {} classes", spec.label,
         model.spec().classes);
  const int64_t least = std::max<int64_t>(spec.count, 1);
  if (!spec.fixed && least > server.images.count())
    fail(ErrorKind::kUsage, "defense: {} probe images of the server's {}; raise data.server_images",
         least, server.images.count());
}

Probe make_probe(const ProbeSpec& spec, const RoundContext& round) {
  check_probe(spec, round.model, round.server);
  const Labelled chosen = choose(spec, round);
  const Normalization& normal = round.server.normalization;
  Probe probe;
  probe.labels = chosen.labels;
  const int64_t side = spec.size > 0 ? spec.size : chosen.pictures[0].height;
  std::vector<float> values;
  for (const Picture& picture : chosen.pictures) {
    const std::vector<float> square = resize_and_crop(picture, side);
    for (size_t i = 0; i < square.size(); ++i)
      values.push_back((square[i] - normal.mean[i % 3]) / normal.std[i % 3]);
    if (probe.picture.empty()) probe.picture = square;
  }
  const auto count = static_cast<int64_t>(chosen.pictures.size());
  probe.images = Tensor::from(round.model.context(), {count, side, side, 3}, values);
  return probe;
}

}  // namespace fedcamae
