// What a model sees in the probe images, at the layer's own resolution: LayerCAM's maps, and signed
// maps, which keep the evidence against a class as well.
#pragma once

#include <string>
#include <vector>

#include "defense/probe.h"
#include "defense/row_coder.h"
#include "fl/defense.h"

namespace fedcamae {

struct Evidence {
  size_t probes = 0, classes = 0,
         side = 0;  // side of a map; classes: the probes' labels, each once
  // For each probe LayerCAM's map of its label's class, relu(sum_k relu(g_k) A_k): g is the
  // gradient of the class score with respect to the activation A. [probes * side * side]
  Row heat;
  // For each probe and each class sum_k g_k A_k, without either relu, classes in ascending order.
  // [probes * classes * side * side]
  Row evidence;
  bool finite = true;
};
// The model computes where its state lies; the maps, a few thousand numbers, come to the host.
Evidence evidence_of(Model& model, const Probe& probe, const std::string& layer);

// Of each accepted update, loaded into round.model by turns, and of the global state last. One
// whose logits or maps are not finite loses its place in the verdict: rejected, nonfinite.
std::vector<Evidence> evidence_of_round(const RoundContext& round,
                                        std::span<const ClientUpdate> updates, const Probe& probe,
                                        const std::string& layer, Verdict& verdict);

}  // namespace fedcamae
