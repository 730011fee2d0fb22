#include "defense/fedcamae_options.h"

namespace fedcamae {
namespace {

constexpr double kSide = 8192, kMany = 1e6;

void refuse(bool given, const char* option, const char* reason) {
  if (given)
    fail(ErrorKind::kUsage, "defense: {}, or set variant = \"reference\": {}", option, reason);
}

// What the chosen variant does not read must stand at its default.
void refuse_changed(const Options& o, const char* other, const std::vector<const char*>& names) {
  const Options untouched(o.declared());
  for (const char* name : names)
    if (o.value(name) != untouched.value(name))
      fail(ErrorKind::kUsage, "defense: {} is read by variant = \"{}\" alone; leave it out", name,
           other);
}

std::vector<Option> probe_options() {
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
       .value = int64_t{0},
       .doc = "random probe images a round; 0: the variant's, all of the server's, 100 at most "
              "(reference: 1)",
       .low = 0,
       .high = kMany},
      {.name = "size",
       .value = int64_t{0},
       .doc = "side that a probe image is resized to, pixels; 0: the variant's, their own "
              "(reference: 224)",
       .low = 0,
       .high = kSide},
      {.name = "layer",
       .value = std::string(),
       .doc =
           "layer of the heat maps (`fedcamae summary` lists them); empty: the variant's, the last "
           "with maps of 4 x 4 (reference: the last trunk block)"},
      {.name = "class",
       .value = std::string("label"),
       .doc = "class that is explained: the probe's label, or (reference) each model's own arg-max",
       .choices = {"label", "argmax"}},
      {.name = "map_side",
       .value = int64_t{0},
       .doc = "reference: side of a heat map before the autoencoder, pixels; 0: 224",
       .low = 0,
       .high = kSide}};
}

std::vector<Option> autoencoder_options() {
  return {{.name = "hidden",
           .value = std::vector<int64_t>{},
           .doc = "sizes of the encoder's layers, mirrored in the decoder; empty: the variant's, "
                  "[4], one layer alone (reference: [128])",
           .low = 1,
           .high = kMany},
          {.name = "epochs",
           .value = int64_t{-1},
           .doc = "of the autoencoder, each one step on all maps; -1: the variant's, 100 "
                  "(reference: 200)",
           .low = -1,
           .high = kMany},
          {.name = "lr",
           .value = 0.0,
           .doc = "the autoencoder's, Adam; 0: the variant's, 1e-2 (reference: 1e-3)",
           .low = 0,
           .high = 1e3},
          {.name = "weight_decay",
           .value = 1e-5,
           .doc = "the autoencoder's, added to the gradient",
           .low = 0,
           .high = 1e3},
          {.name = "folds",
           .value = int64_t{4},
           .doc = "fedcamae: parts of the core; a map is scored by the coder that saw not its part",
           .low = 2,
           .high = kMany}};
}

std::vector<Option> verdict_options() {
  return {{.name = "channels",
           .value = central_channels(),
           .doc = "fedcamae: what is looked at; an update is suspicious where one channel says so",
           .choices = central_channels()},
          {.name = "threshold",
           .value = std::string("variant"),
           .doc = "of the errors: mean + k std, or median + k * 1.4826 MAD; variant: the latter "
                  "(reference: the former)",
           .choices = {"variant", "mean_std", "median_mad"}},
          {.name = "k",
           .value = 0.0,
           .doc = "factor of the threshold (fedcamae: of channel shape); 0: the variant's, 5 "
                  "(reference: 1)",
           .low = 0,
           .high = kMany},
          {.name = "agreement_share",
           .value = 0.5,
           .doc = "fedcamae: channel agreement, least share of the median update's agreement",
           .low = 0,
           .high = 0.999},
          {.name = "twins_k",
           .value = 3.0,
           .doc = "fedcamae: channel twins, MADs nearer to a neighbour than the median update is",
           .low = 0,
           .high = kMany},
          {.name = "twins_ratio",
           .value = 10.0,
           .doc = "fedcamae: channel twins, and so many times nearer at least (squared distances)",
           .low = 1,
           .high = kMany},
          {.name = "heat_factor",
           .value = 10.0,
           .doc = "fedcamae: channel heat, between an update's heat and the median update's",
           .low = 1.001,
           .high = kMany},
          {.name = "length_factor",
           .value = 3.0,
           .doc = "fedcamae: channel length, how far an update has moved over the median update",
           .low = 1,
           .high = kMany},
          {.name = "vote",
           .value = int64_t{3},
           .doc = "excluded while flagged in most of its last so many rounds; 1: no voting",
           .low = 1,
           .high = kMany}};
}

}  // namespace

std::vector<Option> fedcamae_options() {
  std::vector<Option> all = {
      {.name = "variant",
       .value = std::string("fedcamae"),
       .doc = "fedcamae: autoencoders of the round's central half, several channels; reference: "
              "the released detector",
       .choices = {"fedcamae", "reference"}}};
  for (const auto& some : {probe_options(), autoencoder_options(), verdict_options()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

CentralSpec central_spec(const Options& o) {
  refuse_changed(o, "reference", {"class", "map_side"});
  refuse(o.text("threshold") == "mean_std", "threshold = \"median_mad\"",
         "fedcamae's cuts are robust");
  refuse(o.integers("hidden").size() > 1, "give hidden one size",
         "fedcamae's autoencoder has one hidden layer");
  CentralSpec spec;
  spec.probe.label = o.integer("probe_label");
  spec.probe.count = o.integer("probes");
  if (o.integer("size") > 0) spec.probe.size = o.integer("size");
  spec.layer = o.text("layer");
  spec.channels = o.texts("channels");
  if (!o.integers("hidden").empty()) spec.fit.coder.code = o.integers("hidden")[0];
  if (o.integer("epochs") >= 0) spec.fit.coder.epochs = o.integer("epochs");
  if (o.real("lr") > 0) spec.fit.coder.lr = o.real("lr");
  spec.fit.coder.weight_decay = o.real("weight_decay");
  spec.fit.folds = o.integer("folds");
  spec.heat_factor = o.real("heat_factor");
  spec.length_factor = o.real("length_factor");
  if (o.real("k") > 0) spec.k = o.real("k");
  spec.agreement_share = o.real("agreement_share");
  spec.twins_k = o.real("twins_k");
  spec.twins_ratio = o.real("twins_ratio");
  spec.vote = o.integer("vote");
  return spec;
}

ReferenceSpec reference_spec(const Options& o) {
  refuse_changed(o, "fedcamae",
                 {"folds", "channels", "agreement_share", "twins_k", "twins_ratio", "heat_factor",
                  "length_factor"});
  ReferenceSpec spec;
  spec.probe.label = o.integer("probe_label");
  if (o.integer("probes") > 0) spec.probe.count = o.integer("probes");
  if (o.integer("size") > 0) spec.probe.size = o.integer("size");
  spec.maps.layer = o.text("layer");
  spec.maps.own_class = o.text("class") == "argmax";
  if (o.integer("map_side") > 0) spec.maps.side = o.integer("map_side");
  if (!o.integers("hidden").empty()) spec.autoencoder.hidden = o.integers("hidden");
  if (o.integer("epochs") >= 0) spec.autoencoder.epochs = o.integer("epochs");
  if (o.real("lr") > 0) spec.autoencoder.lr = o.real("lr");
  spec.autoencoder.weight_decay = o.real("weight_decay");
  if (o.text("threshold") == "median_mad") spec.rule = ThresholdRule::kMedianMad;
  if (o.real("k") > 0) spec.k = o.real("k");
  spec.vote = o.integer("vote");
  return spec;
}

}  // namespace fedcamae
