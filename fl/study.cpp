#include "fl/study.h"

#include <algorithm>
#include <chrono>

#include "core/ops.h"
#include "fl/round.h"

namespace fedcamae {

namespace {

template <class... Args>
void require(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) fail(ErrorKind::kUsage, format, std::forward<Args>(args)...);
}

void check_study(const FederationSpec& spec, const StudySpec& study) {
  require(!study.rounds.empty(), "study rounds: at least one, as in [1, 2, 3]");
  for (size_t i = 0; i < study.rounds.size(); ++i) {
    require(study.rounds[i] >= 1 && study.rounds[i] <= spec.rounds,
            "study rounds: from 1 to the {} rounds of the run, got {}", spec.rounds,
            study.rounds[i]);
    require(i == 0 || study.rounds[i] > study.rounds[i - 1],
            "study rounds: each later than the one before, got {} after {}", study.rounds[i],
            study.rounds[i == 0 ? 0 : i - 1]);
  }
  require(study.closed_loop >= 0 && study.rounds[0] + study.closed_loop - 1 <= spec.rounds,
          "study closed loop: {} rounds from round {} on, but the run has {}", study.closed_loop,
          study.rounds[0], spec.rounds);
  require(study.attacks.empty() || spec.attackers >= 1,
          "attackers: at least 1 where a study has attacks, got {}", spec.attackers);
  check(!study.defenses.empty(), "[study] there is no defense; the first is plain averaging");
}

RoundRecord judged(const Round& round, Defense& defense, ModelState& next) {
  RoundRecord record;
  record.round = round.number();
  const auto begin = std::chrono::steady_clock::now();
  DefenseResult result = round.judge(defense, false);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  record.seconds.defense = seconds.count();
  round.join(result, record);
  next = std::move(result.next);
  return record;
}

void add_evaluation(const Round& round, const ModelState& next, RoundRecord& record) {
  const Evaluation evaluation = round.evaluate(next);
  record.accuracy = evaluation.accuracy;
  record.loss = evaluation.loss;
}

}  // namespace

Study::Study(const FederationSpec& spec, const Dataset& dataset, StudySpec study,
             const ModelState* initial)
    : study_(std::move(study)) {
  check_study(spec, study_);
  federation_ =
      std::make_unique<Federation::Impl>(spec, dataset, nullptr, study_.defenses[0](), initial);
  for (const auto& make : study_.attacks) {
    attacks_.push_back(make());
    attacks_.back()->check_classes(dataset.classes);
  }
  defenses_.resize(study_.attacks.size() + 1);
  for (auto& row : defenses_)
    for (const auto& make : study_.defenses) {
      row.push_back(make());
      row.back()->check_setup(federation_->model, federation_->server);
    }
}
Study::~Study() = default;

const Partition& Study::partition() const { return federation_->partition; }
const std::vector<int64_t>& Study::attackers() const { return federation_->attackers; }

int64_t Study::cells() const {
  const size_t open = study_.rounds.size() * defenses_.size() * study_.defenses.size();
  const size_t closed = study_.live_attacks.size() * study_.live_defenses.size();
  return static_cast<int64_t>(open) + study_.closed_loop * static_cast<int64_t>(closed);
}

void Study::run(const StudyHooks& hooks) {
  for (int64_t number = 1; number <= study_.rounds.back(); ++number) {
    if (number == study_.rounds.front()) run_closed_loop(hooks);
    RoundHooks asked(hooks.on_client, hooks.stop);
    Round honest(*federation_, nullptr, asked);
    honest.train_clients();
    if (std::binary_search(study_.rounds.begin(), study_.rounds.end(), number)) {
      study_round(honest, hooks);
      advance(std::move(*next_));
    } else {
      advance(honest.judge(*defenses_[0][0], false).next);
    }
    if (!ops::all_finite(federation_->global.parameters))
      fail(ErrorKind::kDiverged,
           "the benign trajectory is not finite after round {}; lower federation.lr", number);
  }
}

// What an attack or a defense left in the scratch model is overwritten.
void Study::clean_scratch() {
  federation_->model.set_state(federation_->global);
  federation_->model.set_training(false);
}

void Study::advance(ModelState next) {
  federation_->global = std::move(next);
  clean_scratch();
  ++federation_->rounds_done;
}

void Study::study_round(Round& honest, const StudyHooks& hooks) {
  benign_mean_ = benign_mean(honest.updates(), federation_->attackers, federation_->global);
  judge_all(honest, 0, hooks);
  for (size_t a = 0; a < attacks_.size(); ++a) {
    Attack* attack = attacks_[a]->harmless() ? nullptr : attacks_[a].get();
    RoundHooks asked(hooks.on_client, hooks.stop);
    Round round(*federation_, attack, asked);
    round.reuse(honest);
    round.train_clients();
    clean_scratch();
    round.attack_updates();
    judge_all(round, a + 1, hooks);
  }
}

void Study::judge_all(const Round& round, size_t attack, const StudyHooks& hooks) {
  const std::vector<UploadGeometry> geometry =
      upload_geometry(round.updates(), benign_mean_, federation_->global);
  for (size_t d = 0; d < study_.defenses.size(); ++d) {
    if (hooks.stop && hooks.stop()) throw Interrupted{};
    ModelState next;
    clean_scratch();
    StudyCell cell{attack, d, false, judged(round, *defenses_[attack][d], next), geometry};
    if (study_.evaluate || d == 0) add_evaluation(round, next, cell.record);
    if (attack == 0 && d == 0) next_ = std::move(next);
    if (hooks.on_cell) hooks.on_cell(cell);
  }
}

// From the state in which the first studied round finds the trajectory, and back to it.
void Study::run_closed_loop(const StudyHooks& hooks) {
  if (study_.closed_loop == 0) return;
  const ModelState start = federation_->global;
  const int64_t rounds_done = federation_->rounds_done;
  for (const size_t attack : study_.live_attacks)
    for (const size_t defense : study_.live_defenses) {
      run_live(attack, defense, hooks);
      advance(start);
      federation_->rounds_done = rounds_done;
    }
}

void Study::run_live(size_t attack, size_t defense, const StudyHooks& hooks) {
  const std::unique_ptr<Attack> mine = attack == 0 ? nullptr : study_.attacks[attack - 1]();
  const std::unique_ptr<Defense> judge = study_.defenses[defense]();
  for (int64_t i = 0; i < study_.closed_loop; ++i) {
    RoundHooks asked(hooks.on_client, hooks.stop);
    Round round(*federation_, mine && !mine->harmless() ? mine.get() : nullptr, asked);
    round.train_clients();
    round.attack_updates();
    ModelState next;
    StudyCell cell{attack, defense, true, judged(round, *judge, next), {}};
    add_evaluation(round, next, cell.record);
    if (hooks.on_cell) hooks.on_cell(cell);
    advance(std::move(next));
  }
}

}  // namespace fedcamae
