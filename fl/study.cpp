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

int64_t closed_cells(const StudySpec& study) {
  return study.closed_loop *
         static_cast<int64_t>(study.live_attacks.size() * study.live_defenses.size());
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

std::vector<StudyCell> planned_cells(const StudySpec& study) {
  std::vector<StudyCell> cells;
  const auto add = [&](size_t attack, size_t defense, bool closed, int64_t round) {
    cells.push_back({attack, defense, closed, {}, {}});
    cells.back().record.round = round;
  };
  for (const size_t attack : study.live_attacks)
    for (const size_t defense : study.live_defenses)
      for (int64_t i = 0; i < study.closed_loop; ++i)
        add(attack, defense, true, study.rounds.at(0) + i);
  for (const int64_t round : study.rounds)
    for (size_t attack = 0; attack <= study.attacks.size(); ++attack)
      for (size_t defense = 0; defense < study.defenses.size(); ++defense)
        add(attack, defense, false, round);
  return cells;
}

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

int64_t Study::cells() const { return static_cast<int64_t>(planned_cells(study_).size()); }

bool Study::any_remembers() const {
  const auto remembers = [](const auto& one) { return one->remembers(); };
  return std::any_of(attacks_.begin(), attacks_.end(), remembers) ||
         std::any_of(defenses_[0].begin(), defenses_[0].end(), remembers);
}

// Before the interruption, in the open loop.
bool Study::is_made(int64_t round, size_t attack, size_t defense) const {
  const auto rounds = std::lower_bound(study_.rounds.begin(), study_.rounds.end(), round);
  const auto before = static_cast<size_t>(rounds - study_.rounds.begin());
  const size_t cell = (before * defenses_.size() + attack) * study_.defenses.size() + defense;
  return closed_cells(study_) + static_cast<int64_t>(cell) < past_.cells;
}

// The first cell leads the trajectory; after the last round nobody needs a memory.
bool Study::is_asked(int64_t round, size_t attack, size_t defense) const {
  return !is_made(round, attack, defense) || (attack == 0 && defense == 0) ||
         (round < study_.rounds.back() && defenses_[attack][defense]->remembers());
}

bool Study::is_crafted(int64_t round, size_t attack) const {
  bool wanted = round < study_.rounds.back() && attacks_[attack - 1]->remembers();
  for (size_t d = 0; d < study_.defenses.size(); ++d) wanted = wanted || is_asked(round, attack, d);
  return wanted;
}

void Study::begin_round(int64_t round, const StudyHooks& hooks) {
  if (round <= past_.round) {
    past_.load(round, federation_->model);
    federation_->rounds_done = round - 1;
    federation_->global = federation_->model.state();
    clean_scratch();
  } else if (hooks.on_round) {
    hooks.on_round(round, federation_->model);
  }
}

void Study::run(const StudyHooks& hooks, StudyPast past) {
  past_ = std::move(past);
  if (past_.cells >= cells()) return;
  for (int64_t number = 1; number <= study_.rounds.back(); ++number) {
    const bool studied = std::binary_search(study_.rounds.begin(), study_.rounds.end(), number);
    if (number < past_.round && !(studied && any_remembers())) continue;
    begin_round(number, hooks);
    if (number == study_.rounds.front()) run_closed_loop(hooks);
    RoundHooks asked(hooks.on_client, hooks.stop);
    Round honest(*federation_, nullptr, asked);
    honest.train_clients();
    if (studied) {
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
    if (!is_crafted(honest.number(), a + 1)) continue;
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
    if (!is_asked(round.number(), attack, d)) continue;
    const bool made = is_made(round.number(), attack, d);
    if (hooks.stop && hooks.stop()) throw Interrupted{};
    ModelState next;
    clean_scratch();
    StudyCell cell{attack, d, false, judged(round, *defenses_[attack][d], next), geometry};
    if (!made && (study_.evaluate || d == 0)) add_evaluation(round, next, cell.record);
    if (attack == 0 && d == 0) next_ = std::move(next);
    if (!made && hooks.on_cell) hooks.on_cell(cell);
  }
}

// From the state in which the first studied round finds the trajectory, and back to it.
void Study::run_closed_loop(const StudyHooks& hooks) {
  if (study_.closed_loop == 0) return;
  const ModelState start = federation_->global;
  const int64_t rounds_done = federation_->rounds_done;
  int64_t made = past_.cells;
  for (const size_t attack : study_.live_attacks)
    for (const size_t defense : study_.live_defenses) {
      if (made < study_.closed_loop) {
        run_live(attack, defense, made, hooks);
        advance(start);
        federation_->rounds_done = rounds_done;
      }
      made -= std::min(made, study_.closed_loop);
    }
}

// made: how many of its cells were made before the interruption.
void Study::run_live(size_t attack, size_t defense, int64_t made, const StudyHooks& hooks) {
  const std::unique_ptr<Attack> mine = attack == 0 ? nullptr : study_.attacks[attack - 1]();
  const std::unique_ptr<Defense> judge = study_.defenses[defense]();
  for (int64_t i = 0; i < study_.closed_loop; ++i) {
    RoundHooks asked(hooks.on_client, hooks.stop);
    Round round(*federation_, mine && !mine->harmless() ? mine.get() : nullptr, asked);
    round.train_clients();
    round.attack_updates();
    ModelState next;
    StudyCell cell{attack, defense, true, judged(round, *judge, next), {}};
    if (i >= made) {
      add_evaluation(round, next, cell.record);
      if (hooks.on_cell) hooks.on_cell(cell);
    }
    advance(std::move(next));
  }
}

}  // namespace fedcamae
