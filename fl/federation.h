// The round loop: sample clients, train them in parallel, let attackers act, hand the updates to
// the defense, join the truth, evaluate.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/partition.h"
#include "fl/attack.h"
#include "fl/defense.h"
#include "fl/metrics.h"
#include "fl/train.h"
#include "models/model.h"

namespace fedcamae {

struct FederationSpec {
  uint64_t seed = 0;
  Device device;
  Precision precision = Precision::kFloat32;
  ConvAlgorithms conv_algorithms = ConvAlgorithms::kFixed;
  int workers = 1;  // client workers, one thread group each
  int threads = 1;  // OpenMP threads of each worker
  ModelSpec model;
  int64_t clients = 24;   // all of them, the attackers included
  int64_t attackers = 0;  // how many of them are malicious
  double fraction = 1.0;  // of the clients that take part in a round, in (0, 1]
  bool weighted = false;  // average by sample counts
  int64_t epochs = 1;     // local epochs
  int64_t batch = 64;
  OptimizerSpec optimizer;
  ScheduleSpec schedule;  // over rounds
  AugmentSpec augment;
  std::string partition = "dirichlet";
  Options partition_options;
  int64_t attack_start = 1, attack_stop = 0;  // rounds, both included; stop 0 = to the end
  int64_t rounds = 1;
  int64_t train_images = 0;     // use at most so many training images (after the server's), 0 = all
  int64_t test_images = 0;      // evaluate on at most so many (a fixed random subset), 0 = all
  int64_t server_images = 100;  // taken from the training part for the server, in no client's shard
  int64_t eval_every = 1;       // rounds; the last round is always evaluated
  int64_t pictures_every = 0;   // rounds; 0 = never
  bool distances = false;       // measure ClientRecord::distance
  std::shared_ptr<Profile> profile;  // of all contexts; nullptr: nothing is timed
};

struct ClientRecord {  // a row of clients.csv
  int64_t client = 0, samples = 0;
  double loss = 0, score = 0;  // as claimed, as the defense says; NaN where there is none
  bool accepted = true, nonfinite = false;
  bool malicious = false;  // the attack made this update; false outside the attack's rounds
  // Of its weights from the mean of the benign updates (fl/upload_geometry.h); NaN: nobody asked.
  double distance = std::numeric_limits<double>::quiet_NaN();
};
struct PhaseSeconds {
  double train = 0, attack = 0, defense = 0, evaluate = 0;
};
struct RoundRecord {
  int64_t round = 0;
  std::optional<double> accuracy,
      loss;                           // of the global model after the round; empty if not evaluated
  std::vector<ClientRecord> clients;  // sorted by id
  double threshold = 0;               // NaN where the defense has none
  Detection detection;
  PhaseSeconds seconds;
  std::optional<HeatMapReport> heat_maps;  // rows in the order of `clients`
};

class Federation {
 public:
  // dataset: must outlive this object; has a test part. initial: the first global weights, or
  // nullptr for fresh ones from the seed. Throws Error{kUsage} for a spec that cannot be run.
  Federation(const FederationSpec& spec, const Dataset& dataset, std::unique_ptr<Attack> attack,
             std::unique_ptr<Defense> defense, const ModelState* initial = nullptr);
  ~Federation();

  const Partition& partition() const;             // shard i is client i's
  const std::vector<int64_t>& attackers() const;  // the malicious clients' ids, sorted
  // The next round. `on_client(done, total)` is called as clients finish training, from worker
  // threads, one call at a time; `stop` likewise, between training steps and between test batches:
  // true abandons the round by throwing Interrupted with the global model unchanged; after that, or
  // any other exception, the next call does the same round again. A global model that is not finite
  // is not an error here: its loss is NaN or infinite in the record.
  RoundRecord run_round(const std::function<void(int64_t, int64_t)>& on_client = {},
                        const std::function<bool()>& stop = {});
  Model& global_model();  // holds the current global state, in the server's context

  struct Impl;  // fl/round.h

 private:
  std::unique_ptr<Impl> impl_;
};

struct Interrupted {};

}  // namespace fedcamae
