#include "defense/reference_detector.h"

#include <limits>

#include "defense/aggregate.h"
#include "defense/vote.h"

namespace fedcamae {
namespace {

class ReferenceDetector final : public Defense {
 public:
  explicit ReferenceDetector(const ReferenceSpec& spec) : spec_(spec), vote_(spec.vote) {
    if (spec_.autoencoder.hidden.empty())
      fail(ErrorKind::kUsage, "defense: hidden needs at least one layer size, as in [128]");
    if (spec_.probe.fixed && !spec_.maps.own_class && spec_.probe.label < 0)
      fail(ErrorKind::kUsage,
           "defense: probe_image needs probe_label, its class, or class = \"argmax\"");
  }

  void check_setup(const Model& model, const ServerData& server) const override {
    check_probe(spec_.probe, model, server);
    if (!spec_.maps.layer.empty()) model.check_layer(spec_.maps.layer);
  }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    const Probe probe = make_probe(spec_.probe, round);
    Verdict verdict = accept_finite(updates);
    const HeatMaps maps = explain_updates(spec_.maps, round, updates, probe, verdict);
    const Reconstructions reconstructions = reconstruct_maps(maps, spec_.autoencoder, round);
    vote_.begin(round.round);
    judge(updates, maps, reconstructions, verdict);
    DefenseResult result{mean_of_accepted(round, updates, verdict.accepted), verdict, {}};
    if (round.want_pictures) result.heat_maps = report(maps, reconstructions, probe);
    return result;
  }

 private:
  // Scores, threshold, votes. What is not finite has no part in the threshold and no second chance
  // this round; in the votes it counts as a flag.
  void judge(std::span<const ClientUpdate> updates, const HeatMaps& maps,
             const Reconstructions& reconstructions, Verdict& verdict) {
    std::vector<double> finite;
    for (size_t u = 0; u < updates.size(); ++u) {
      if (verdict.nonfinite[u]) continue;
      double sum = 0;
      const auto probes = static_cast<size_t>(maps.probes);
      for (size_t p = 0; p < probes; ++p) sum += reconstructions.errors[u * probes + p];
      verdict.score[u] = sum / static_cast<double>(probes);
      finite.push_back(verdict.score[u]);
    }
    verdict.threshold = score_threshold(finite, spec_.rule, spec_.k);
    for (size_t u = 0; u < updates.size(); ++u) {
      const bool flagged = verdict.nonfinite[u] || verdict.score[u] > verdict.threshold;
      const bool excluded = vote_.excludes(updates[u].client, flagged);
      verdict.accepted[u] = !excluded && !verdict.nonfinite[u];
    }
  }

  // The maps of the first probe image, on the host; NaN where an update has none.
  static HeatMapReport report(const HeatMaps& maps, const Reconstructions& reconstructions,
                              const Probe& probe) {
    HeatMapReport pictures;
    pictures.side = maps.side;
    const auto probes = static_cast<size_t>(maps.probes);
    const auto append = [&](const Tensor& row, std::vector<float>& to) {
      const std::vector<float> pixels =
          row.defined() ? row.to_host()
                        : std::vector<float>(static_cast<size_t>(maps.side * maps.side),
                                             std::numeric_limits<float>::quiet_NaN());
      to.insert(to.end(), pixels.begin(), pixels.end());
    };
    for (size_t row = 0; row < maps.rows.size(); row += probes) {
      append(maps.rows[row], pictures.maps);
      append(reconstructions.rows[row], pictures.reconstructions);
    }
    pictures.probe_side = probe.images.shape().h();
    pictures.probe = probe.picture;
    return pictures;
  }

  ReferenceSpec spec_;
  Vote vote_;
};

}  // namespace

std::unique_ptr<Defense> make_reference_detector(const ReferenceSpec& spec) {
  return std::make_unique<ReferenceDetector>(spec);
}

}  // namespace fedcamae
