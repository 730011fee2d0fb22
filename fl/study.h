// A paired study: one benign trajectory is trained once, under plain averaging; at chosen rounds
// every attack is crafted on the very same updates, and every defense judges every attack.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fl/federation.h"
#include "fl/upload_geometry.h"

namespace fedcamae {

struct StudySpec {
  std::vector<int64_t> rounds;  // that are studied, ascending, within spec.rounds
  // Each is made once per study (once more per defense in the closed loop); "nobody attacks" is
  // studied before them.
  std::vector<std::function<std::unique_ptr<Attack>()>> attacks;
  // Each is made once per attack, and remembers that attack's rounds alone. The first one is plain
  // averaging: it leads the trajectory.
  std::vector<std::function<std::unique_ptr<Defense>()>> defenses;
  bool evaluate = true;  // the next models of all defenses; those of plain averaging always are
  // Rounds in which an attack acts against one defense alone, round after round, from the state in
  // which the first studied round finds the trajectory; 0 = none. Of which, as StudyCell counts.
  int64_t closed_loop = 0;
  std::vector<size_t> live_attacks, live_defenses;
};

struct StudyCell {    // what one defense said of one attack in one round
  size_t attack = 0;  // 0 = nobody attacks, else one more than the index in StudySpec::attacks
  size_t defense = 0;
  bool closed_loop = false;
  RoundRecord record;                    // of its times the defense's alone
  std::vector<UploadGeometry> geometry;  // in the order of record.clients; open loop alone
};

// All that a study makes, in this order, without records.
std::vector<StudyCell> planned_cells(const StudySpec& study);

struct StudyHooks {
  std::function<void(int64_t, int64_t)> on_client = {};  // as Federation::run_round's
  // A round of the benign trajectory begins from this model; not called up to StudyPast::round.
  std::function<void(int64_t, const Model&)> on_round = {};
  std::function<void(const StudyCell&)> on_cell = {};
  std::function<bool()> stop =
      {};  // true abandons the cell that is worked on, by throwing Interrupted
};

// What an interrupted study of the same spec left, for another one to go on from.
struct StudyPast {
  int64_t cells = 0;  // are made, the first ones: neither reported nor evaluated again
  int64_t round = 0;  // the latest of the trajectory that began; 0: it is trained from the start
  // Makes the model the one from which that round, or a studied one before it, began.
  std::function<void(int64_t, Model&)> load = {};
};

class Study {
 public:
  // As Federation's constructor. Throws Error{kUsage} for what cannot be run, all defenses asked.
  Study(const FederationSpec& spec, const Dataset& dataset, StudySpec study,
        const ModelState* initial = nullptr);
  ~Study();

  const Partition& partition() const;
  const std::vector<int64_t>& attackers() const;
  int64_t cells() const;  // how many `run` makes
  // Once. Throws Error{kDiverged} where the benign trajectory is no longer finite. What was made
  // before is left out, but for what memories are made of: attacks and defenses that remember act
  // again on studied rounds, and a closed loop that was interrupted begins again. All that follows
  // has the bits of a study that was never interrupted.
  void run(const StudyHooks& hooks, StudyPast past = {});

 private:
  bool any_remembers() const;
  bool is_made(int64_t round, size_t attack, size_t defense) const;
  bool is_asked(int64_t round, size_t attack, size_t defense) const;
  bool is_crafted(int64_t round, size_t attack) const;
  void begin_round(int64_t round, const StudyHooks& hooks);
  void study_round(class Round& honest, const StudyHooks& hooks);
  void judge_all(const class Round& round, size_t attack, const StudyHooks& hooks);
  void run_closed_loop(const StudyHooks& hooks);
  void run_live(size_t attack, size_t defense, int64_t made, const StudyHooks& hooks);
  void clean_scratch();
  void advance(ModelState next);

  StudySpec study_;
  StudyPast past_;
  std::unique_ptr<Federation::Impl> federation_;
  std::vector<std::unique_ptr<Attack>> attacks_;                 // one less: nobody has no object
  std::vector<std::vector<std::unique_ptr<Defense>>> defenses_;  // [attack][defense]
  Tensor benign_mean_;                                           // of the round
  std::optional<ModelState> next_;                               // of the benign trajectory
};

}  // namespace fedcamae
