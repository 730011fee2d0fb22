#include "defense/central_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "core/ops.h"
#include "core/profile.h"
#include "defense/aggregate.h"
#include "defense/channels.h"
#include "defense/core_rows.h"
#include "defense/vote.h"
#include "models/cam.h"

namespace fedcamae {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// What the channels read: the accepted updates in the order of their contents, so that neither ids
// nor who comes first move a bit of a verdict.
struct Seen {
  std::vector<size_t> update;  // which one
  std::vector<Evidence> models;
  Evidence global;
};

Seen in_content_order(std::vector<Evidence> all, const std::vector<bool>& accepted) {
  Seen seen{.update = {}, .models = {}, .global = std::move(all.back())};
  for (size_t u = 0; u < accepted.size(); ++u)
    if (accepted[u]) seen.update.push_back(u);
  std::stable_sort(seen.update.begin(), seen.update.end(), [&](size_t a, size_t b) {
    return std::tie(all[a].scores, all[a].heat) < std::tie(all[b].scores, all[b].heat);
  });
  for (const size_t u : seen.update) seen.models.push_back(std::move(all[u]));
  return seen;
}

class CentralDetector final : public Defense {
 public:
  explicit CentralDetector(const CentralSpec& spec) : spec_(spec), vote_(spec.vote) {
    if (spec_.probe.fixed && spec_.probe.label < 0)
      fail(ErrorKind::kUsage, "defense: probe_image needs probe_label, its class");
    if (spec_.channels.empty())
      fail(ErrorKind::kUsage, "defense: channels names none; take some of {}",
           fmt::join(central_channels(), ", "));
  }

  void check_setup(const Model& model, const ServerData& server) const override {
    check_probe(spec_.probe, model, server);
    if (!spec_.layer.empty()) model.check_layer(spec_.layer);
  }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    const Probe probe = make_probe(spec_.probe, round);
    Verdict verdict = accept_finite(updates);
    if (layer_.empty())
      layer_ = spec_.layer.empty() ? inner_layer(round.model, probe.images) : spec_.layer;
    const Seen seen = in_content_order(
        evidence_of_round(round, updates, probe, layer_, has("agreement"), verdict),
        verdict.accepted);
    CrossFit shape;
    judge(round, updates, seen, verdict, shape);
    DefenseResult result{mean_of_accepted(round, updates, verdict.accepted), verdict, {}};
    if (round.want_pictures) result.heat_maps = report(seen, shape, probe, updates.size());
    return result;
  }

 private:
  bool has(const char* channel) const {
    return std::find(spec_.channels.begin(), spec_.channels.end(), channel) != spec_.channels.end();
  }

  // Scores: the largest excess of any channel. What is not finite has no part in it; in the votes
  // it counts as a flag. Where the global model has no finite evidence, twins and agreement, which
  // are measured from it, have no say.
  void judge(const RoundContext& round, std::span<const ClientUpdate> updates, const Seen& seen,
             Verdict& verdict, CrossFit& shape) {
    const ProfilePhase phase(round.model.context(), "autoencoder");
    std::vector<double> excess(seen.models.size(), kNone);
    const auto add = [&](const std::vector<double>& channel) {
      for (size_t i = 0; i < excess.size(); ++i) excess[i] = std::fmax(excess[i], channel[i]);
    };
    Rows shapes;
    for (const Evidence& model : seen.models) shapes.push_back(shape_row(model));
    std::vector<size_t> voice = voices(shapes, 0);
    // The scores of one class alone go up or down, and all that go up would be each other's twins.
    if (seen.global.finite && seen.global.classes > 1 && has("twins")) {
      Rows changes;
      for (const Evidence& model : seen.models) changes.push_back(change_row(model, seen.global));
      Twins twins = find_twins(changes, spec_.twins_k, spec_.twins_ratio);
      add(twins.excess);
      voice = std::move(twins.voices);
    }
    if (has("length"))
      add(length_excess(lengths(round, updates, seen), first_of_each(voice), spec_.length_factor));
    if (has("heat")) add(heat_excess(seen.models, first_of_each(voice), spec_.heat_factor));
    if (seen.global.finite && has("agreement"))
      add(agreement_excess(seen.models, seen.global, first_of_each(voice), spec_.agreement_share));
    if (has("shape")) {
      shape = cross_fitted(round, shapes, voice);
      add(above_median(shape.errors, first_of_each(voice), spec_.k));
    }
    if (!excess.empty()) verdict.threshold = 1;
    for (size_t i = 0; i < excess.size(); ++i) verdict.score[seen.update[i]] = excess[i];
    vote_.begin(round.round);
    for (size_t u = 0; u < updates.size(); ++u) {
      const bool flagged = verdict.nonfinite[u] || verdict.score[u] > verdict.threshold;
      const bool excluded = vote_.excludes(updates[u].client, flagged);
      verdict.accepted[u] = !excluded && !verdict.nonfinite[u];
    }
  }

  static std::vector<double> lengths(const RoundContext& round,
                                     std::span<const ClientUpdate> updates, const Seen& seen) {
    std::vector<double> result;
    for (const size_t u : seen.update)
      result.push_back(
          std::sqrt(ops::squared_distance(round.global.parameters, updates[u].state.parameters)));
    return result;
  }

  CrossFit cross_fitted(const RoundContext& round, const Rows& rows,
                        const std::vector<size_t>& voice) const {
    return cross_fit(rows, voice, core_rows(rows, first_of_each(voice)), spec_.fit,
                     {round.seed, Purpose::kAutoencoder, static_cast<uint32_t>(round.round)});
  }

  // The maps of the first probe and their reconstructions, with 1 where the map is hottest; NaN
  // where an update has none.
  static HeatMapReport report(const Seen& seen, const CrossFit& shape, const Probe& probe,
                              size_t updates) {
    HeatMapReport pictures;
    const size_t pixels = seen.global.side * seen.global.side;
    pictures.side = static_cast<int64_t>(seen.global.side);
    pictures.maps.assign(updates * pixels, std::numeric_limits<float>::quiet_NaN());
    pictures.reconstructions = pictures.maps;
    for (size_t i = 0; i < seen.models.size(); ++i) {
      const Row map = shape_row(seen.models[i]);
      const double hottest =
          *std::max_element(map.begin(), map.begin() + static_cast<int64_t>(pixels));
      const double scale = hottest > 0 ? 1 / hottest : 1;
      const auto put = [&](const Row& row, std::vector<float>& to) {
        for (size_t p = 0; p < pixels; ++p)
          to[seen.update[i] * pixels + p] =
              static_cast<float>(std::clamp(row[p] * scale, 0.0, 1.0));
      };
      put(map, pictures.maps);
      put(shape.reconstructed.empty() ? map : shape.reconstructed[i], pictures.reconstructions);
    }
    pictures.probe_side = probe.images.shape().h();
    pictures.probe = probe.picture;
    return pictures;
  }

  CentralSpec spec_;
  std::string layer_;  // of the maps, from the first round on
  Vote vote_;
};

}  // namespace

const std::vector<std::string>& central_channels() {
  static const std::vector<std::string> all = {"shape", "agreement", "twins", "heat", "length"};
  return all;
}

std::unique_ptr<Defense> make_central_detector(const CentralSpec& spec) {
  return std::make_unique<CentralDetector>(spec);
}

}  // namespace fedcamae
