// What a model sees in the probe images: LayerCAM's maps at an inner layer, which say where it
// looks, and its evidence for each class, which says what it takes them for.
#pragma once

#include <string>
#include <vector>

#include "defense/probe.h"
#include "defense/row_coder.h"
#include "fl/defense.h"

namespace fedcamae {

struct Evidence {
  size_t probes = 0, classes = 0, side = 0;  // classes: the probes' labels, each once; of a map
  std::vector<size_t> label = {};            // which of the classes, per probe
  // LayerCAM's map of the probe's label, relu(sum_k relu(g_k) A_k), g being the gradient of the
  // class score with respect to the layer's activation A. [probes * side * side]
  Row heat = {};
  // The scores of the classes, in ascending order: behind the last layer a signed map's sum over
  // the pixels and a bias. [probes * classes]
  Row scores = {};
  Row mirrored = {};  // the scores of the mirror image, or empty: not finite, or not made
  bool finite = true;
};
// Without the mirror image. The model computes where its state lies; the maps, a few thousand
// numbers, come to the host.
Evidence evidence_of(Model& model, const Probe& probe, const std::string& layer);

// Of each accepted update, loaded into round.model by turns, and of the global state last. One
// whose logits or maps are not finite loses its place in the verdict: rejected, nonfinite.
// The mirror image of an update has gone as far from the global model the other way, 2 global - w,
// with the update's own statistics; its scores are made where `mirrors` asks for them.
std::vector<Evidence> evidence_of_round(const RoundContext& round,
                                        std::span<const ClientUpdate> updates, const Probe& probe,
                                        const std::string& layer, bool mirrors, Verdict& verdict);

}  // namespace fedcamae
