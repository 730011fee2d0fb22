// One round of a federation, phase by phase.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "fl/federation.h"
#include "fl/setup.h"
#include "fl/workers.h"

namespace fedcamae {

// Contexts stand first: everything below them may hold their memory.
struct Federation::Impl {
  FederationSpec spec;
  const Dataset& dataset;
  Context context;  // the server's
  Workers workers;
  std::unique_ptr<Attack> attack;  // nullptr: nobody attacks
  std::unique_ptr<Defense> defense;
  std::vector<int64_t> attackers;
  Split split;
  Partition partition;
  ServerData server;
  Model model;        // scratch of the defense during a round, else the global state
  ModelState global;  // never written to: a round replaces it
  int64_t rounds_done = 0;

  Impl(const FederationSpec& spec_in, const Dataset& dataset_in, std::unique_ptr<Attack> attack_in,
       std::unique_ptr<Defense> defense_in, const ModelState* initial);
};

// Phase by phase, so that a study can craft every attack on the updates of one training.
class Round {
 public:
  // attack: acts in this round; nullptr: everybody is honest.
  Round(Federation::Impl& federation, Attack* attack, RoundHooks& hooks);

  // Before `train_clients`: takes over the updates of this very round with everybody honest. Left
  // to train are the attackers whose labels the attack changes.
  void reuse(const Round& honest);
  void train_clients();
  void attack_updates();
  // The verdict on what was uploaded; `next` lies in the server's context.
  DefenseResult judge(Defense& defense, bool pictures) const;
  // The verdict in the record, and the truth with it.
  void join(const DefenseResult& result, RoundRecord& record) const;
  Evaluation evaluate(const ModelState& state) const;

  // All of it, by the federation's defense. Leaves the federation as it was: the caller takes over
  // `next()` if it returns.
  RoundRecord run();
  const ModelState& next() const { return next_; }
  int64_t number() const { return round_; }
  const std::vector<ClientUpdate>& updates() const { return updates_; }

 private:
  std::optional<std::vector<int32_t>> poisoned_labels(int64_t client) const;
  void train_client(Model& model, size_t update);
  double claimed_loss(int64_t client) const;
  void measure_distances(RoundRecord& record) const;
  ImageSet images_of(const std::vector<int64_t>& clients) const;

  Federation::Impl& federation_;
  const FederationSpec& spec_;
  Attack* attack_;  // nullptr: nobody acts
  RoundHooks& hooks_;
  int64_t round_;
  std::vector<ClientUpdate> updates_;  // of who takes part, sorted by id
  std::vector<bool> guilty_;           // of each update: made by the attack
  std::vector<size_t> jobs_;           // the updates that are trained, largest shard first
  ModelState next_;
};

}  // namespace fedcamae
