#include "defense/heat_maps.h"

#include <algorithm>
#include <limits>

#include "core/ops.h"
#include "core/profile.h"
#include "defense/grad_cam.h"
#include "models/layer_cam.h"

namespace fedcamae {
namespace {

// Rows that are defined, sorted by their numbers; equal rows may stand in any order. Reads copies
// on the host: a few maps, where sorting them on a device would need a comparison at a time.
std::vector<size_t> content_order(const std::vector<Tensor>& rows) {
  std::vector<size_t> order;
  std::vector<std::vector<float>> contents(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].defined()) continue;
    order.push_back(i);
    contents[i] = rows[i].to_host();
  }
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return contents[a] < contents[b]; });
  return order;
}

// Row `index` of a matrix of `width` columns.
Tensor row_of(const Tensor& matrix, size_t index, int64_t width) {
  return matrix.window(static_cast<int64_t>(index) * width, {width});
}

}  // namespace

HeatMaps explain_updates(const HeatMapSpec& spec, const RoundContext& round,
                         std::span<const ClientUpdate> updates, const Probe& probe,
                         Verdict& verdict) {
  Model& model = round.model;
  const ProfilePhase phase(model.context(), "maps");
  const std::string layer = spec.layer.empty() ? model.default_layer() : spec.layer;
  const std::vector<int32_t> classes = spec.own_class ? std::vector<int32_t>{} : probe.labels;
  const size_t probes = probe.labels.size();
  HeatMaps maps{spec.side, static_cast<int64_t>(probes), {}};
  maps.rows.resize(updates.size() * probes);
  const auto explain = spec.method == CamMethod::kGradCam ? grad_cam : layer_cam;
  for (size_t u = 0; u < updates.size(); ++u) {
    if (!verdict.accepted[u]) continue;
    const BorrowedState borrowed(model, updates[u].state);
    const CamResult cam = explain(model, probe.images, layer, classes);
    if (!ops::all_finite(cam.logits) || !ops::all_finite(cam.raw)) {
      verdict.accepted[u] = false;
      verdict.nonfinite[u] = true;
      continue;
    }
    const Tensor scaled = scale_maps(cam.raw, spec.side);
    for (size_t p = 0; p < probes; ++p)
      maps.rows[u * probes + p] = row_of(scaled, p, spec.side * spec.side);
  }
  return maps;
}

Reconstructions reconstruct_maps(const HeatMaps& maps, const AutoencoderSpec& spec,
                                 const RoundContext& round) {
  Reconstructions result;
  result.rows.resize(maps.rows.size());
  const ProfilePhase phase(round.model.context(), "autoencoder");
  result.errors.assign(maps.rows.size(), std::numeric_limits<double>::quiet_NaN());
  const std::vector<size_t> order = content_order(maps.rows);
  if (order.empty()) return result;

  const int64_t pixels = maps.side * maps.side;
  Context& context = round.model.context();
  const Tensor rows(context, {static_cast<int64_t>(order.size()), pixels});
  for (size_t i = 0; i < order.size(); ++i)
    ops::copy_(maps.rows[order[i]], row_of(rows, i, pixels));

  Autoencoder autoencoder(pixels, spec, context);
  autoencoder.initialize({round.seed, Purpose::kAutoencoder, static_cast<uint32_t>(round.round)});
  autoencoder.train(rows);
  const Tensor reconstructed = autoencoder.reconstruct(rows);
  const std::vector<double> errors = row_errors(rows, reconstructed);
  for (size_t i = 0; i < order.size(); ++i) {
    result.errors[order[i]] = errors[i];
    result.rows[order[i]] = row_of(reconstructed, i, pixels);
  }
  return result;
}

}  // namespace fedcamae
