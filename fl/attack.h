// An attack: two hooks, on the attackers' training data and on what they upload, and a declared
// knowledge that the round loop enforces.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "data/dataset.h"
#include "models/model.h"

namespace fedcamae {

struct AttackContext {
  int64_t round = 1;  // counted from 1
  uint64_t seed = 0;
  const ModelState& global;  // what everybody was sent
  // Filled only where `Attack::overhears`: the benign updates of this round, by client id. They
  // live in the contexts of the workers that trained them. Empty where only attackers take part.
  std::span<const ModelState> overheard;
  // The attackers' own trained models, one per attacker, where `Attack::trains`; else empty.
  std::span<const ModelState> own;
  std::span<const int64_t> attackers;      // their client ids, sorted
  const std::vector<StateEntry>& entries;  // names and places of weights in the flat vectors
  Context& context;                        // where to compute, and where the crafted states live
  // Filled only where `Attack::uses_images`: the images of the round's attackers with their true
  // labels, by client id and then in the order of the shard, normalised as in training; there may
  // be none. The model is of the clients' architecture, in `context`; scratch: its state may be
  // overwritten.
  const ImageSet* images = nullptr;
  Normalization normalization = {};
  Model* model = nullptr;
};

class Attack {
 public:
  virtual ~Attack() = default;
  virtual bool trains() const = 0;     // do the attackers train on their data first?
  virtual bool overhears() const = 0;  // do they see the benign updates of the round?
  virtual bool uses_images() const { return false; }  // do they look at their own images to craft?
  // Do the attackers act like everybody else? Then the round has nobody to detect.
  virtual bool harmless() const { return false; }
  // Does what it made in earlier rounds change what it makes? A study that goes on from where it
  // was interrupted then has it craft those again.
  virtual bool remembers() const { return false; }
  // Refuses data with so many classes, with Error{kUsage}; asked before the first round.
  virtual void check_classes(int64_t classes) const { (void)classes; }
  // Labels of an attacker's training images, before it trains.
  virtual void poison_labels(std::vector<int32_t>& labels, int64_t classes) const {
    (void)labels, (void)classes;
  }
  // What the attackers upload, one state per attacker, in the order of context.attackers. May keep
  // memory from round to round; the round that was last may come again, because it was interrupted,
  // and must then give the same.
  virtual std::vector<ModelState> craft(const AttackContext& context) = 0;
};

struct AttackInfo {
  std::string name, doc, source;
  std::string knowledge;  // in words, for `fedcamae list attacks`
  std::vector<Option> options;
  std::function<std::unique_ptr<Attack>(const Options&)> make;
};
// In the order of fl/attacks/registry.cpp. `start` and `stop` (rounds) belong to every attack and
// are applied by the round loop, not listed here.
const std::vector<AttackInfo>& attacks();

}  // namespace fedcamae
