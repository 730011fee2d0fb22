#include "fl/round.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/profile.h"
#include "core/random.h"
#include "fl/evaluate_batch.h"

namespace fedcamae {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kTestBatch = 128;  // images; fixed, so that no sum depends on the workers

double timed(const std::function<void()>& phase) {
  const auto begin = std::chrono::steady_clock::now();
  phase();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool in_window(const FederationSpec& spec, int64_t round) {
  return round >= spec.attack_start && (spec.attack_stop == 0 || round <= spec.attack_stop);
}

void check_same_sizes(const char* who, const ModelState& state, const ModelState& global) {
  check(state.parameters.defined() && state.parameters.size() == global.parameters.size() &&
            state.statistics.size() == global.statistics.size() &&
            state.counters.size() == global.counters.size(),
        "[round] the state that {} made does not have the model's sizes", who);
}

}  // namespace

Round::Round(Federation::Impl& federation, const std::function<void(int64_t, int64_t)>& on_client,
             const std::function<bool()>& stop)
    : federation_(federation),
      spec_(federation.spec),
      round_(federation.rounds_done + 1),
      attacking_(federation.attack != nullptr && !federation.attack->harmless() &&
                 in_window(spec_, round_)),
      hooks_(on_client, stop) {
  for (int64_t client : sample_clients(spec_, round_)) {
    const bool attacker =
        std::binary_search(federation.attackers.begin(), federation.attackers.end(), client);
    const auto& shard = federation.partition.shards[static_cast<size_t>(client)];
    if (!(attacker && attacking_) || federation.attack->trains()) jobs_.push_back(updates_.size());
    guilty_.push_back(attacker && attacking_);
    updates_.push_back({client, {}, static_cast<int64_t>(shard.size()), kNone});
  }
  // Stable: equal shards stay in the order of their ids.
  std::stable_sort(jobs_.begin(), jobs_.end(), [this](size_t a, size_t b) {
    return updates_[a].samples > updates_[b].samples;
  });
}

RoundRecord Round::run() {
  RoundRecord record;
  record.round = round_;
  record.seconds.train = timed([this] { train_clients(); });
  record.seconds.attack = timed([this] { attack_updates(); });
  if (hooks_.stopped()) throw Interrupted{};
  record.seconds.defense = timed([&] { defend(record); });
  if (round_ % spec_.eval_every == 0 || round_ == spec_.rounds)
    record.seconds.evaluate = timed([&] { evaluate_next(record); });
  return record;
}

void Round::train_clients() {
  const int64_t total = static_cast<int64_t>(jobs_.size());
  federation_.workers.run(total, [&](Model& model, int64_t job) {
    train_client(model, jobs_[static_cast<size_t>(job)]);
    hooks_.client_done(total);
  });
}

void Round::train_client(Model& model, size_t update) {
  const ProfilePhase phase(model.context(), "client training");
  ClientUpdate& mine = updates_[update];
  const Dataset& dataset = federation_.dataset;
  model.set_state(federation_.global);
  // Batch norm needs two images: a smaller shard trains nothing and returns what it was sent.
  if (mine.samples >= 2) {
    const ImageSet* set = &dataset.train;
    std::vector<int64_t> indices = federation_.partition.shards[static_cast<size_t>(mine.client)];
    ImageSet poisoned;
    if (guilty_[update]) {
      poisoned.labels.reserve(indices.size());
      for (int64_t i : indices) poisoned.labels.push_back(set->labels[static_cast<size_t>(i)]);
      const std::vector<int32_t> honest = poisoned.labels;
      federation_.attack->poison_labels(poisoned.labels, dataset.classes);
      if (poisoned.labels != honest) {
        std::vector<int32_t> labels = std::move(poisoned.labels);
        poisoned = set->subset(indices);
        poisoned.labels = std::move(labels);
        set = &poisoned;
        for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
      }
    }
    BatchLoader loader(*set, std::move(indices),
                       {.batch = spec_.batch,
                        .augment = spec_.augment,
                        .normalization = dataset.normalization,
                        .seed = spec_.seed,
                        .round = static_cast<uint32_t>(round_),
                        .client = static_cast<uint32_t>(mine.client)},
                       model.context());
    TrainSpec training;
    training.optimizer = spec_.optimizer;
    training.optimizer.lr =
        learning_rate(spec_.schedule, spec_.optimizer.lr, round_ - 1, spec_.rounds);
    training.steps = spec_.epochs * loader.batches_per_epoch();
    mine.loss = train(model, loader, training, [&](const TrainStep&) {
      if (hooks_.stopped()) throw Interrupted{};
      return true;
    });
  }
  mine.state = model.state();
}

// What an attacker that did not train claims as its loss: a number of its own within the range of
// the benign claims, so that neither its size nor a repeated number tells anything.
double Round::claimed_loss(int64_t client) const {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (size_t i = 0; i < updates_.size(); ++i) {
    if (guilty_[i] || !std::isfinite(updates_[i].loss)) continue;
    low = std::min(low, updates_[i].loss);
    high = std::max(high, updates_[i].loss);
  }
  if (!(low <= high)) return kNone;
  Random random({spec_.seed, Purpose::kClaimedLoss, static_cast<uint32_t>(round_),
                 static_cast<uint32_t>(client)});
  return random.uniform(low, high);
}

void Round::attack_updates() {
  const ProfilePhase phase(federation_.context, "attack");
  std::vector<size_t> mine;
  std::vector<int64_t> ids;
  std::vector<ModelState> overheard, own;
  for (size_t i = 0; i < updates_.size(); ++i) {
    if (guilty_[i]) {
      mine.push_back(i);
      ids.push_back(updates_[i].client);
      if (federation_.attack->trains()) own.push_back(updates_[i].state);
    } else if (attacking_ && federation_.attack->overhears()) {
      overheard.push_back(updates_[i].state);
    }
  }
  if (mine.empty()) return;
  std::vector<ModelState> crafted =
      federation_.attack->craft({round_, spec_.seed, federation_.global, overheard, own, ids,
                                 federation_.model.entries(), federation_.context});
  check(crafted.size() == mine.size(), "[round] the attack made {} updates for {} attackers",
        crafted.size(), mine.size());
  for (size_t i = 0; i < mine.size(); ++i) {
    check_same_sizes("the attack", crafted[i], federation_.global);
    updates_[mine[i]].state = std::move(crafted[i]);
    if (!federation_.attack->trains()) updates_[mine[i]].loss = claimed_loss(ids[i]);
  }
}

void Round::defend(RoundRecord& record) {
  const ProfilePhase phase(federation_.context, "defense");
  const bool pictures = spec_.pictures_every > 0 && round_ % spec_.pictures_every == 0;
  DefenseResult result =
      federation_.defense->aggregate({round_, spec_.seed, federation_.global, federation_.model,
                                      federation_.server, spec_.weighted, pictures},
                                     updates_);
  check_same_sizes("the defense", result.next, federation_.global);
  // A copy of its own: what the defense returned may lie in a worker's context or in the scratch
  // model.
  next_ = result.next.to(federation_.context);
  record.threshold = result.verdict.threshold;
  record.heat_maps = std::move(result.heat_maps);
  record.detection = detection_metrics(result.verdict, guilty_);  // here the truth is joined
  for (size_t i = 0; i < updates_.size(); ++i)
    record.clients.push_back({updates_[i].client, updates_[i].samples, updates_[i].loss,
                              result.verdict.score[i], result.verdict.accepted[i],
                              result.verdict.nonfinite[i], guilty_[i]});
}

void Round::evaluate_next(RoundRecord& record) {
  const std::vector<int64_t>& indices = federation_.split.test;
  const int64_t count = static_cast<int64_t>(indices.size());
  const int64_t jobs = (count + kTestBatch - 1) / kTestBatch;
  std::vector<Evaluation> batches(static_cast<size_t>(jobs));
  federation_.workers.run(
      jobs,
      [&](Model& model, int64_t job) {
        if (hooks_.stopped()) throw Interrupted{};
        const int64_t first = job * kTestBatch;
        batches[static_cast<size_t>(job)] =
            evaluate_batch(model, federation_.dataset.test, indices, first,
                           std::min(kTestBatch, count - first), federation_.dataset.normalization);
      },
      [&](Model& model) {
        model.set_state(next_);
        model.set_training(false);
      });
  const Evaluation total = merge_batches(batches);
  record.accuracy = total.accuracy;
  record.loss = total.loss;
}

}  // namespace fedcamae
