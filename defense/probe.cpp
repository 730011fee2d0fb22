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

// A random image of each class, or of as many as there may be, classes in ascending order.
std::vector<int64_t> one_of_each(const ImageSet& set, Random& random) {
  std::map<int32_t, std::vector<int64_t>> by_class;
  for (size_t i = 0; i < set.labels.size(); ++i)
    by_class[set.labels[i]].push_back(static_cast<int64_t>(i));
  std::vector<int32_t> classes;
  for (const auto& [label, indices] : by_class) classes.push_back(label);
  const auto held = static_cast<int64_t>(classes.size());
  std::vector<int64_t> places = random.choose(held, std::min(held, kProbeClasses));
  std::sort(places.begin(), places.end());
  std::vector<int64_t> chosen;
  for (const int64_t place : places) {
    const std::vector<int64_t>& indices = by_class.at(classes[static_cast<size_t>(place)]);
    chosen.push_back(indices[random.below(indices.size())]);
  }
  return chosen;
}

Labelled choose(const ProbeSpec& spec, const RoundContext& round) {
  if (spec.fixed) return {{*spec.fixed}, {static_cast<int32_t>(spec.label)}};
  const ImageSet& set = round.server.images;
  Labelled chosen;
  Random random({round.seed, Purpose::kProbe, static_cast<uint32_t>(round.round)});
  const std::vector<int64_t> images =
      spec.count == 0 ? one_of_each(set, random) : random.choose(set.count(), spec.count);
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
  std::vector<float> values;
  for (const Picture& picture : chosen.pictures) {
    const std::vector<float> square = resize_and_crop(picture, spec.size);
    for (size_t i = 0; i < square.size(); ++i)
      values.push_back((square[i] - normal.mean[i % 3]) / normal.std[i % 3]);
    if (probe.picture.empty()) probe.picture = square;
  }
  const auto count = static_cast<int64_t>(chosen.pictures.size());
  probe.images = Tensor::from(round.model.context(), {count, spec.size, spec.size, 3}, values);
  return probe;
}

}  // namespace fedcamae
