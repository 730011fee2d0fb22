#include "defense/heat_maps.h"

#include <algorithm>
#include <limits>

#include "core/ops.h"
#include "defense/layer_cam.h"

namespace fedcamae {
namespace {

// Rows that are not empty, sorted by their numbers; equal rows may stand in any order.
std::vector<size_t> content_order(const std::vector<std::vector<float>>& rows) {
  std::vector<size_t> order;
  for (size_t i = 0; i < rows.size(); ++i)
    if (!rows[i].empty()) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rows[a] < rows[b]; });
  return order;
}

std::vector<float> slice(const std::vector<float>& values, size_t index, size_t width) {
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(index * width);
  return {begin, begin + static_cast<std::ptrdiff_t>(width)};
}

}  // namespace

HeatMaps explain_updates(const HeatMapSpec& spec, const RoundContext& round,
                         std::span<const ClientUpdate> updates, const Probe& probe,
                         Verdict& verdict) {
  Model& model = round.model;
  const std::string layer = spec.layer.empty() ? model.default_layer() : spec.layer;
  const std::vector<int32_t> classes = spec.own_class ? std::vector<int32_t>{} : probe.labels;
  const size_t probes = probe.labels.size();
  const auto pixels = static_cast<size_t>(spec.side * spec.side);
  HeatMaps maps{spec.side, static_cast<int64_t>(probes), {}};
  maps.rows.resize(updates.size() * probes);
  for (size_t u = 0; u < updates.size(); ++u) {
    if (!verdict.accepted[u]) continue;
    model.set_state(updates[u].state);
    const LayerCamResult cam = layer_cam(model, probe.images, layer, classes);
    if (!ops::all_finite(cam.logits) || !ops::all_finite(cam.raw)) {
      verdict.accepted[u] = false;
      verdict.nonfinite[u] = true;
      continue;
    }
    const std::vector<float> scaled = scale_maps(cam.raw, spec.side).to_host();
    for (size_t p = 0; p < probes; ++p) maps.rows[u * probes + p] = slice(scaled, p, pixels);
  }
  return maps;
}

Reconstructions reconstruct_maps(const HeatMaps& maps, const AutoencoderSpec& spec,
                                 const RoundContext& round) {
  Reconstructions result;
  result.rows.resize(maps.rows.size());
  result.errors.assign(maps.rows.size(), std::numeric_limits<double>::quiet_NaN());
  const std::vector<size_t> order = content_order(maps.rows);
  if (order.empty()) return result;

  const int64_t pixels = maps.side * maps.side;
  std::vector<float> stacked;
  for (const size_t row : order)
    stacked.insert(stacked.end(), maps.rows[row].begin(), maps.rows[row].end());
  Context& context = round.model.context();
  const Tensor rows = Tensor::from(context, {static_cast<int64_t>(order.size()), pixels}, stacked);

  Autoencoder autoencoder(pixels, spec, context);
  autoencoder.initialize({round.seed, Purpose::kAutoencoder, static_cast<uint32_t>(round.round)});
  autoencoder.train(rows);
  const Tensor reconstructed = autoencoder.reconstruct(rows);
  const std::vector<double> errors = row_errors(rows, reconstructed);
  const std::vector<float> values = reconstructed.to_host();
  for (size_t i = 0; i < order.size(); ++i) {
    result.errors[order[i]] = errors[i];
    result.rows[order[i]] = slice(values, i, static_cast<size_t>(pixels));
  }
  return result;
}

}  // namespace fedcamae
