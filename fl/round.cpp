#include "fl/round.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/profile.h"
#include "core/random.h"
#include "fl/evaluate_batch.h"
#include "fl/upload_geometry.h"

namespace fedcamae {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kTestBatch = 128;  // images; fixed, so that no sum depends on the workers

double timed(const std::function<void()>& phase) {
  const auto begin = std::chrono::steady_clock::now();
  phase();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void check_same_sizes(const char* who, const ModelState& state, const ModelState& global) {
  check(state.parameters.defined() && state.parameters.size() == global.parameters.size() &&
            state.statistics.size() == global.statistics.size() &&
            state.counters.size() == global.counters.size(),
        "[round] the state that {} made does not have the model's sizes", who);
}

}  // namespace

Round::Round(Federation::Impl& federation, Attack* attack, RoundHooks& hooks)
    : federation_(federation),
      spec_(federation.spec),
      attack_(attack),
      hooks_(hooks),
      round_(federation.rounds_done + 1) {
  for (int64_t client : sample_clients(spec_, round_)) {
    const bool guilty =
        attack_ != nullptr &&
        std::binary_search(federation.attackers.begin(), federation.attackers.end(), client);
    const auto& shard = federation.partition.shards[static_cast<size_t>(client)];
    if (!guilty || attack_->trains()) jobs_.push_back(updates_.size());
    guilty_.push_back(guilty);
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
  record.seconds.defense = timed([&] {
    const bool pictures = spec_.pictures_every > 0 && round_ % spec_.pictures_every == 0;
    DefenseResult result = judge(*federation_.defense, pictures);
    join(result, record);
    record.heat_maps = std::move(result.heat_maps);
    next_ = std::move(result.next);
  });
  if (spec_.distances) measure_distances(record);
  if (round_ % spec_.eval_every == 0 || round_ == spec_.rounds)
    record.seconds.evaluate = timed([&] {
      const Evaluation total = evaluate(next_);
      record.accuracy = total.accuracy;
      record.loss = total.loss;
    });
  return record;
}

void Round::reuse(const Round& honest) {
  check(honest.attack_ == nullptr && honest.round_ == round_,
        "[round] the updates of round {} are not those of an honest round {}", honest.round_,
        round_);
  std::vector<size_t> left;
  for (const size_t job : jobs_) {
    if (guilty_[job] && poisoned_labels(updates_[job].client))
      left.push_back(job);
    else
      updates_[job] = honest.updates_[job];
  }
  jobs_ = std::move(left);
}

void Round::train_clients() {
  const int64_t total = static_cast<int64_t>(jobs_.size());
  federation_.workers.run(total, [&](Model& model, int64_t job) {
    train_client(model, jobs_[static_cast<size_t>(job)]);
    hooks_.client_done(total);
  });
}

// Of an attacker's images, where the attack changes any.
std::optional<std::vector<int32_t>> Round::poisoned_labels(int64_t client) const {
  std::vector<int32_t> honest;
  for (const int64_t i : federation_.partition.shards[static_cast<size_t>(client)])
    honest.push_back(federation_.dataset.train.labels[static_cast<size_t>(i)]);
  std::vector<int32_t> labels = honest;
  attack_->poison_labels(labels, federation_.dataset.classes);
  if (labels == honest) return std::nullopt;
  return labels;
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
    if (guilty_[update])
      if (std::optional<std::vector<int32_t>> labels = poisoned_labels(mine.client)) {
        poisoned = set->subset(indices);
        poisoned.labels = std::move(*labels);
        set = &poisoned;
        std::iota(indices.begin(), indices.end(), 0);
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

ImageSet Round::images_of(const std::vector<int64_t>& clients) const {
  std::vector<int64_t> indices;
  for (int64_t client : clients) {
    const auto& shard = federation_.partition.shards[static_cast<size_t>(client)];
    indices.insert(indices.end(), shard.begin(), shard.end());
  }
  return federation_.dataset.train.subset(indices);
}

void Round::attack_updates() {
  if (attack_ == nullptr) return;
  const ProfilePhase phase(federation_.context, "attack");
  std::vector<size_t> mine;
  std::vector<int64_t> ids;
  std::vector<ModelState> overheard, own;
  for (size_t i = 0; i < updates_.size(); ++i) {
    if (guilty_[i]) {
      mine.push_back(i);
      ids.push_back(updates_[i].client);
      if (attack_->trains()) own.push_back(updates_[i].state);
    } else if (attack_->overhears()) {
      overheard.push_back(updates_[i].state);
    }
  }
  if (mine.empty()) return;
  AttackContext context{round_, spec_.seed, federation_.global,          overheard,
                        own,    ids,        federation_.model.entries(), federation_.context};
  ImageSet images;
  if (attack_->uses_images()) {
    images = images_of(ids);
    context.images = &images;
    context.normalization = federation_.dataset.normalization;
    context.model = &federation_.model;
  }
  std::vector<ModelState> crafted = attack_->craft(context);
  check(crafted.size() == mine.size(), "[round] the attack made {} updates for {} attackers",
        crafted.size(), mine.size());
  for (size_t i = 0; i < mine.size(); ++i) {
    check_same_sizes("the attack", crafted[i], federation_.global);
    updates_[mine[i]].state = std::move(crafted[i]);
    if (!attack_->trains()) updates_[mine[i]].loss = claimed_loss(ids[i]);
  }
}

DefenseResult Round::judge(Defense& defense, bool pictures) const {
  const ProfilePhase phase(federation_.context, "defense");
  DefenseResult result =
      defense.aggregate({round_, spec_.seed, federation_.global, federation_.model,
                         federation_.server, spec_.weighted, pictures},
                        updates_);
  check_same_sizes("the defense", result.next, federation_.global);
  // A copy of its own: what the defense returned may lie in a worker's context or in the scratch
  // model.
  result.next = result.next.to(federation_.context);
  return result;
}

void Round::join(const DefenseResult& result, RoundRecord& record) const {
  record.threshold = result.verdict.threshold;
  record.detection = detection_metrics(result.verdict, guilty_);  // here the truth is joined
  for (size_t i = 0; i < updates_.size(); ++i)
    record.clients.push_back({updates_[i].client, updates_[i].samples, updates_[i].loss,
                              result.verdict.score[i], result.verdict.accepted[i],
                              result.verdict.nonfinite[i], guilty_[i]});
}

void Round::measure_distances(RoundRecord& record) const {
  std::vector<int64_t> guilty;
  for (size_t i = 0; i < updates_.size(); ++i)
    if (guilty_[i]) guilty.push_back(updates_[i].client);
  const Tensor mean = benign_mean(updates_, guilty, federation_.global);
  const std::vector<UploadGeometry> geometry = upload_geometry(updates_, mean, federation_.global);
  for (size_t i = 0; i < updates_.size(); ++i) record.clients[i].distance = geometry[i].distance;
}

Evaluation Round::evaluate(const ModelState& state) const {
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
        model.set_state(state);
        model.set_training(false);
      });
  return merge_batches(batches);
}

}  // namespace fedcamae
