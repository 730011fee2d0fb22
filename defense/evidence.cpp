#include "defense/evidence.h"

#include <set>

#include "autograd/functions.h"
#include "core/ops.h"
#include "core/profile.h"

namespace fedcamae {
namespace {

// The gradient of scores, one class for each image, with respect to the tapped activation.
Tensor gradient_of(const Model::Tapped& tapped, const std::vector<int32_t>& classes) {
  const Shape& s = tapped.logits.shape();
  std::vector<float> chosen(static_cast<size_t>(s.size()), 0.0f);
  for (size_t i = 0; i < classes.size(); ++i)
    chosen[i * static_cast<size_t>(s[1]) + static_cast<size_t>(classes[i])] = 1;
  const Tensor dy =
      ops::cast(Tensor::from(tapped.logits.value().context(), s, chosen), tapped.logits.type());
  return ops::cast(gradients(tapped.logits, {{tapped.activation}}, dy)[0], ElementType::kFloat32);
}

// Maps [N, h * w] on the host; false where they are not finite.
bool fetch(const Tensor& maps, std::vector<float>& numbers) {
  if (!ops::all_finite(maps)) return false;
  numbers = maps.to_host();
  return true;
}

}  // namespace

Evidence evidence_of(Model& model, const Probe& probe, const std::string& layer) {
  const Model::Tapped tapped = model.forward_tapped(probe.images, layer);
  const Tensor activation = ops::cast(tapped.activation.value(), ElementType::kFloat32);
  const std::set<int32_t> classes(probe.labels.begin(), probe.labels.end());
  Evidence result{.probes = probe.labels.size(),
                  .classes = classes.size(),
                  .side = static_cast<size_t>(activation.shape().h()),
                  .heat = {},
                  .evidence = {},
                  .finite = ops::all_finite(tapped.logits.value())};
  std::vector<float> numbers;
  const Tensor positive = ops::relu(gradient_of(tapped, probe.labels));
  result.finite =
      result.finite && fetch(ops::relu(ops::sum_last(ops::mul(positive, activation))), numbers);
  if (!result.finite) return result;
  result.heat.assign(numbers.begin(), numbers.end());

  const size_t pixels = result.side * result.side, map = result.classes * pixels;
  result.evidence.resize(result.probes * map);
  size_t place = 0;
  for (const int32_t c : classes) {
    const Tensor gradient = gradient_of(tapped, std::vector<int32_t>(result.probes, c));
    result.finite = fetch(ops::sum_last(ops::mul(gradient, activation)), numbers);
    if (!result.finite) return result;
    for (size_t p = 0; p < result.probes; ++p)
      for (size_t i = 0; i < pixels; ++i)
        result.evidence[p * map + place * pixels + i] =
            static_cast<double>(numbers[p * pixels + i]);
    ++place;
  }
  return result;
}

std::vector<Evidence> evidence_of_round(const RoundContext& round,
                                        std::span<const ClientUpdate> updates, const Probe& probe,
                                        const std::string& layer, Verdict& verdict) {
  Model& model = round.model;
  const ProfilePhase phase(model.context(), "maps");
  std::vector<Evidence> all(updates.size() + 1);
  for (size_t u = 0; u < updates.size(); ++u) {
    if (!verdict.accepted[u]) continue;
    const BorrowedState borrowed(model, updates[u].state);
    all[u] = evidence_of(model, probe, layer);
    if (all[u].finite) continue;
    verdict.accepted[u] = false;
    verdict.nonfinite[u] = true;
  }
  const BorrowedState borrowed(model, round.global);
  all.back() = evidence_of(model, probe, layer);
  return all;
}

}  // namespace fedcamae
