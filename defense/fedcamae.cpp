// FedCAMAE: one LayerCAM heat map per uploaded model, for the same probe image; an autoencoder that
// reconstructs most maps well; whose map it reconstructs badly is suspicious.
#include <limits>

#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/heat_maps.h"
#include "defense/threshold.h"
#include "defense/vote.h"

namespace fedcamae {
namespace {

// Read once, before the first round: a picture that is not there must not cost a round's training.
std::optional<Picture> read_fixed(const std::string& path) {
  if (path.empty()) return std::nullopt;
  return read_picture(path);
}

class FedCamAe final : public Defense {
 public:
  explicit FedCamAe(const Options& options)
      : probe_{.fixed = read_fixed(options.text("probe_image")),
               .label = options.integer("probe_label"),
               .count = options.integer("probes"),
               .size = options.integer("size")},
        maps_{.layer = options.text("layer"),
              .own_class = options.text("class") == "argmax",
              .side = options.integer("map_side")},
        autoencoder_{.hidden = options.integers("hidden"),
                     .epochs = options.integer("epochs"),
                     .lr = options.real("lr"),
                     .weight_decay = options.real("weight_decay")},
        rule_(options.text("threshold") == "mean_std" ? ThresholdRule::kMeanStd
                                                      : ThresholdRule::kMedianMad),
        k_(options.real("k")),
        vote_(options.integer("vote")) {
    if (autoencoder_.hidden.empty())
      fail(ErrorKind::kUsage, "defense: hidden needs at least one layer size, as in [128]");
    if (probe_.fixed && !maps_.own_class && probe_.label < 0)
      fail(ErrorKind::kUsage,
           "defense: probe_image needs probe_label, its class, or class = \"argmax\"");
  }

  void check_setup(const Model& model, const ServerData& server) const override {
    check_probe(probe_, model, server);
    if (!maps_.layer.empty()) model.check_layer(maps_.layer);
  }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    const Probe probe = make_probe(probe_, round);
    Verdict verdict = accept_finite(updates);
    const HeatMaps maps = explain_updates(maps_, round, updates, probe, verdict);
    const Reconstructions reconstructions = reconstruct_maps(maps, autoencoder_, round);
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
    verdict.threshold = score_threshold(finite, rule_, k_);
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

  ProbeSpec probe_;
  HeatMapSpec maps_;
  AutoencoderSpec autoencoder_;
  ThresholdRule rule_;
  double k_;
  Vote vote_;
};

std::vector<Option> fedcamae_options() {
  constexpr double kSide = 8192, kMany = 1e6;
  return {
      {.name = "probe_image",
       .value = std::string(),
       .doc = "picture file shown to every model; empty: random images of the server's each round"},
      {.name = "probe_label",
       .value = int64_t{-1},
       .doc = "class of probe_image; -1: not known",
       .low = -1,
       .high = kMany},
      {.name = "probes",
       .value = int64_t{1},
       .doc = "random probe images a round; a score is the mean over them",
       .low = 1,
       .high = kMany},
      {.name = "size",
       .value = int64_t{224},
       .doc = "side that a probe image is resized to, pixels",
       .low = 1,
       .high = kSide},
      {.name = "layer",
       .value = std::string(),
       .doc =
           "layer of the heat maps (`fedcamae summary` lists them); empty: the last trunk block"},
      {.name = "class",
       .value = std::string("label"),
       .doc = "class that is explained: the probe's label, or each model's own arg-max",
       .choices = {"label", "argmax"}},
      {.name = "map_side",
       .value = int64_t{224},
       .doc = "side of a heat map before the autoencoder, pixels",
       .low = 1,
       .high = kSide},
      {.name = "hidden",
       .value = std::vector<int64_t>{128},
       .doc = "sizes of the encoder's layers; the decoder mirrors them",
       .low = 1,
       .high = kMany},
      {.name = "epochs",
       .value = int64_t{200},
       .doc = "of the autoencoder, each one step on all maps",
       .low = 0,
       .high = kMany},
      {.name = "lr", .value = 1e-3, .doc = "the autoencoder's, Adam", .low = 0, .high = 1e3},
      {.name = "weight_decay",
       .value = 1e-5,
       .doc = "the autoencoder's, added to the gradient",
       .low = 0,
       .high = 1e3},
      {.name = "threshold",
       .value = std::string("mean_std"),
       .doc = "of the errors: mean + k std, or median + k * 1.4826 MAD",
       .choices = {"mean_std", "median_mad"}},
      {.name = "k", .value = 1.0, .doc = "factor of the threshold", .low = 0, .high = kMany},
      {.name = "vote",
       .value = int64_t{3},
       .doc = "excluded while flagged in most of its last so many rounds; 1: no voting",
       .low = 1,
       .high = kMany},
  };
}

}  // namespace

DefenseInfo fedcamae_defense() {
  return {.name = "fedcamae",
          .doc = "LayerCAM heat maps through an autoencoder; score: mean squared error of the map",
          .source = "FedCAMAE, MobiCom 2024 poster; voting: LayerCAM-AE, arXiv 2406.02605",
          .options = fedcamae_options(),
          .make = [](const Options& options) { return std::make_unique<FedCamAe>(options); }};
}

}  // namespace fedcamae
