// One round of a federation, phase by phase.
#pragma once

#include <cstdint>
#include <memory>
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

class Round {
 public:
  Round(Federation::Impl& federation, const std::function<void(int64_t, int64_t)>& on_client,
        const std::function<bool()>& stop);
  // Leaves the federation as it was: the caller takes over `next()` if it returns.
  RoundRecord run();
  const ModelState& next() const { return next_; }

 private:
  void train_clients();
  void train_client(Model& model, size_t update);
  void attack_updates();
  void defend(RoundRecord& record);
  void evaluate_next(RoundRecord& record);
  double claimed_loss(int64_t client) const;

  Federation::Impl& federation_;
  const FederationSpec& spec_;
  int64_t round_;
  bool attacking_;                     // is it a round of the attack?
  std::vector<ClientUpdate> updates_;  // of who takes part, sorted by id
  std::vector<bool> guilty_;           // of each update: made by the attack
  std::vector<size_t> jobs_;           // the updates that are trained, largest shard first
  RoundHooks hooks_;
  ModelState next_;
};

}  // namespace fedcamae
