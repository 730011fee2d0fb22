#include "defense/evidence.h"

#include <algorithm>
#include <set>

#include "core/ops.h"
#include "core/profile.h"
#include "models/layer_cam.h"

namespace fedcamae {
namespace {

// Numbers on the host; false where they are not finite.
bool fetch(const Tensor& numbers, Row& row) {
  if (!ops::all_finite(numbers)) return false;
  const std::vector<float> values = numbers.to_host();
  row.assign(values.begin(), values.end());
  return true;
}

// Columns `classes` of logits [N, all classes]; false where any logit is not finite.
bool fetch_scores(const Tensor& logits, const std::set<int32_t>& classes, Row& row) {
  Row all;
  if (!fetch(ops::cast(logits, ElementType::kFloat32), all)) return false;
  const auto width = static_cast<size_t>(logits.shape()[1]);
  row.clear();
  for (size_t begin = 0; begin < all.size(); begin += width)
    for (const int32_t c : classes) row.push_back(all[begin + static_cast<size_t>(c)]);
  return true;
}

std::set<int32_t> classes_of(const Probe& probe) {
  return {probe.labels.begin(), probe.labels.end()};
}

Row mirrored_scores(const RoundContext& round, const ModelState& update, const Probe& probe) {
  ModelState mirror = update;
  mirror.parameters = round.global.parameters.clone();
  ops::scale_(2, mirror.parameters);
  ops::axpy_(-1, update.parameters, mirror.parameters);
  const BorrowedState borrowed(round.model, mirror);
  const NoGrad no_grad;
  Row scores;
  fetch_scores(round.model.forward(probe.images).value(), classes_of(probe), scores);
  return scores;
}

}  // namespace

Evidence evidence_of(Model& model, const Probe& probe, const std::string& layer) {
  const CamResult seen = layer_cam(model, probe.images, layer, probe.labels);
  const std::set<int32_t> classes = classes_of(probe);
  Evidence result{.probes = probe.labels.size(),
                  .classes = classes.size(),
                  .side = static_cast<size_t>(seen.raw.shape()[1])};
  for (const int32_t label : probe.labels)
    result.label.push_back(
        static_cast<size_t>(std::distance(classes.begin(), classes.find(label))));
  result.finite = fetch_scores(seen.logits, classes, result.scores) && fetch(seen.raw, result.heat);
  return result;
}

std::vector<Evidence> evidence_of_round(const RoundContext& round,
                                        std::span<const ClientUpdate> updates, const Probe& probe,
                                        const std::string& layer, bool mirrors, Verdict& verdict) {
  Model& model = round.model;
  const ProfilePhase phase(model.context(), "maps");
  std::vector<Evidence> all(updates.size() + 1);
  for (size_t u = 0; u < updates.size(); ++u) {
    if (!verdict.accepted[u]) continue;
    {
      const BorrowedState borrowed(model, updates[u].state);
      all[u] = evidence_of(model, probe, layer);
    }
    if (all[u].finite) {
      if (mirrors) all[u].mirrored = mirrored_scores(round, updates[u].state, probe);
    } else {
      verdict.accepted[u] = false;
      verdict.nonfinite[u] = true;
    }
  }
  const BorrowedState borrowed(model, round.global);
  all.back() = evidence_of(model, probe, layer);
  return all;
}

}  // namespace fedcamae
