// A paired study against federations: each of its cells is a round that a federation can run, with
// the same bits.
#include <algorithm>
#include <limits>

#include "core/ops.h"
#include "defense/registry.h"
#include "tests/fl/studies.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

// Plain averaging before `round`, from then on the rule: where a study's trajectory comes from.
class Late : public Defense {
 public:
  Late(const std::string& name, int64_t round)
      : mean_(make_defense("mean")), rule_(make_defense(name)), round_(round) {}
  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    return (round.round < round_ ? mean_ : rule_)->aggregate(round, updates);
  }

 private:
  std::unique_ptr<Defense> mean_, rule_;
  int64_t round_;
};

std::unique_ptr<Attack> attack_of(const StudyCell& cell) {
  return cell.attack == 0 ? nullptr : make_attack(kStudyAttacks[cell.attack - 1]);
}

}  // namespace

// An attack that acts in this round alone, after rounds of plain averaging without it.
TEST_CASE("study: each cell is the round that a federation gives, to the last bit" *
          doctest::test_suite("cpu_only")) {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = spec_of(3);
  spec.schedule = {"step", 0.5, 1};
  for (const StudyCell& cell : cells_of(spec, dataset, study_of({1, 3}))) {
    CAPTURE(cell.attack);
    CAPTURE(cell.defense);
    const int64_t round = cell.record.round;
    FederationSpec single = spec;
    single.attack_start = single.attack_stop = round;
    Federation federation(single, dataset, attack_of(cell),
                          std::make_unique<Late>(kStudyDefenses[cell.defense], round));
    RoundRecord expected;
    for (int64_t i = 1; i <= round; ++i) expected = federation.run_round();
    CHECK(fingerprint(cell.record) == fingerprint(expected));
  }
}

TEST_CASE("study: a closed loop is a federation under attack in every round") {
  const Dataset dataset = tiny_dataset();
  StudySpec study = study_of({1});
  study.closed_loop = 2;
  study.live_attacks = {0, 4};
  study.live_defenses = {0, 1};
  const FederationSpec spec = spec_of(2);
  std::map<std::pair<size_t, size_t>, std::vector<RoundRecord>> live;
  std::vector<StudyCell> open;
  for (const StudyCell& cell : cells_of(spec, dataset, study))
    if (cell.closed_loop)
      live[{cell.attack, cell.defense}].push_back(cell.record);
    else
      open.push_back(cell);
  CHECK(live.size() == 4);
  for (const auto& [names, records] : live) {
    REQUIRE(records.size() == 2);
    Federation federation(spec, dataset, names.first == 0 ? nullptr : make_attack("gae"),
                          make_defense(kStudyDefenses[names.second]));
    for (const RoundRecord& record : records)
      CHECK(fingerprint(record) == fingerprint(federation.run_round()));
  }
  // It leaves no trace in the trajectory.
  CHECK(text_of(open) == text_of(cells_of(spec, dataset, study_of({1}))));
}

TEST_CASE("study: the same bits for any workers; defenses and attacks do not touch the updates") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = spec_of(2);
  const std::vector<StudyCell> cells = cells_of(spec, dataset, study_of({2}));
  spec.workers = 2;
  StudySpec twice = study_of({2});
  const StudySpec once = twice;
  twice.attacks.insert(twice.attacks.end(), once.attacks.begin(), once.attacks.end());
  twice.defenses.insert(twice.defenses.end(), once.defenses.begin(), once.defenses.end());
  for (StudyCell cell : cells_of(spec, dataset, twice)) {
    if (cell.attack > kStudyAttacks.size()) cell.attack -= kStudyAttacks.size();
    cell.defense %= kStudyDefenses.size();
    const auto same = std::find_if(cells.begin(), cells.end(), [&](const StudyCell& other) {
      return other.attack == cell.attack && other.defense == cell.defense;
    });
    CHECK(fingerprint(cell.record) == fingerprint(same->record));
  }
}

TEST_CASE("study: clients are trained once, attackers again where their labels change") {
  const Dataset dataset = tiny_dataset();
  for (size_t a = 0; a < kStudyAttacks.size(); ++a) {
    StudySpec study = study_of({1});
    study.attacks = {study.attacks[a]};
    Study made(spec_of(1), dataset, study);
    int64_t trained = 0;
    made.run({.on_client = [&](int64_t, int64_t) { ++trained; }});
    CHECK(trained == (kStudyAttacks[a] == "label_flip" ? 6 + 2 : 6));
  }
}

TEST_CASE("study: one memory for each attack and defense, over its rounds; updates are paired") {
  const Dataset dataset = tiny_dataset();
  std::vector<std::vector<int64_t>> rounds;  // that each defense has seen
  std::map<int64_t, std::vector<std::vector<float>>> benign;
  int attacks_made = 0;
  StudySpec study;
  study.rounds = {2, 3};
  study.evaluate = false;
  for (int i = 0; i < 2; ++i)
    study.attacks.emplace_back([&] {
      ++attacks_made;
      return std::make_unique<FakeAttack>();
    });
  for (int i = 0; i < 2; ++i)
    study.defenses.emplace_back([&] {
      const size_t me = rounds.size();
      rounds.emplace_back();
      return looking([&, me](const RoundContext& round, FakeDefense::Updates updates) {
        rounds[me].push_back(round.round);
        CHECK(numbers(round.model.state()) == numbers(round.global));
        CHECK_FALSE(round.model.training());
        round.model.initialize(99);  // a defense may use it as it likes
        round.model.set_training(true);
        benign[round.round].push_back(numbers(updates[0].state));
      });
    });
  FederationSpec spec = spec_of(3);
  spec.attackers = 1;
  spec.seed = 4;
  Study made(spec, dataset, study);
  REQUIRE(made.attackers()[0] != 0);
  std::map<std::pair<size_t, size_t>, int> seen;
  made.run({.on_cell = [&](const StudyCell& cell) {
    ++seen[{cell.attack, cell.defense}];
    CHECK(cell.record.accuracy.has_value() == (cell.defense == 0));
    CHECK(malicious(cell.record) == (cell.attack == 0 ? std::vector<int64_t>{} : made.attackers()));
    CHECK(cell.geometry.size() == 6);
  }});
  CHECK(attacks_made == 2);
  CHECK(seen.size() == 6);
  // One was made to be asked before the first round, then three attacks of two defenses. Plain
  // averaging without attack leads the trajectory, round 1 too.
  const std::vector<int64_t> studied = {2, 3};
  CHECK(rounds == std::vector<std::vector<int64_t>>{
                      {}, {1, 2, 3}, studied, studied, studied, studied, studied});
  for (const int64_t round : {2, 3}) {
    CHECK(benign[round].size() == 6);
    for (const auto& update : benign[round]) CHECK(update == benign[round][0]);
  }
}

TEST_CASE("study: a harmless attack is nobody's; a sample without attackers has none to find") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = spec_of(4);
  StudySpec study = study_of({1, 2, 3, 4});
  study.attacks = {[] { return make_attack("none"); }, [] { return make_attack("noise"); }};
  spec.attackers = 1;
  spec.fraction = 0.5;
  const int64_t attacker = Study(spec, dataset, study).attackers()[0];
  int absent = 0;
  for (const StudyCell& cell : cells_of(spec, dataset, study)) {
    const std::vector<int64_t> present = ids(cell.record);
    const bool in = std::binary_search(present.begin(), present.end(), attacker);
    CHECK(malicious(cell.record).size() == (in && cell.attack == 2 ? 1 : 0));
    absent += in ? 0 : 1;
  }
  CHECK(absent > 0);
}

TEST_CASE("study: what cannot be studied is refused") {
  const Dataset dataset = tiny_dataset();
  const auto check_refused = [&](const std::string& part, const StudySpec& study,
                                 const FederationSpec& spec) {
    check_error(ErrorKind::kUsage, part, [&] { Study(spec, dataset, study); });
  };
  check_refused("study rounds: at least one", study_of({}), spec_of(3));
  check_refused("from 1 to the 3 rounds of the run, got 4", study_of({2, 4}), spec_of(3));
  check_refused("from 1 to the 3 rounds of the run, got 0", study_of({0}), spec_of(3));
  check_refused("got 2 after 2", study_of({2, 2}), spec_of(3));
  StudySpec live = study_of({2});
  live.closed_loop = 3;
  check_refused("3 rounds from round 2 on, but the run has 3", live, spec_of(3));
  FederationSpec nobody = spec_of(3);
  nobody.attackers = 0;
  check_refused("attackers: at least 1", study_of({1}), nobody);
  StudySpec broken = study_of({1});
  broken.defenses.emplace_back([] {
    for (const DefenseInfo& info : defenses())
      if (info.name == "fedcamae") {
        Options options(info.options);
        options.set("layer", std::string("conv9"));
        return info.make(options);
      }
    return std::unique_ptr<Defense>();
  });
  check_refused("did you mean 'conv", broken, spec_of(3));
}

TEST_CASE("study: a trajectory that is not finite ends it") {
  const Dataset dataset = tiny_dataset();
  StudySpec study = study_of({1, 2});
  study.defenses[0] = [] {
    return changing([](const RoundContext& round, FakeDefense::Updates, DefenseResult& result) {
      if (round.round == 2)
        ops::fill_(result.next.parameters, std::numeric_limits<float>::infinity());
    });
  };
  check_error(ErrorKind::kDiverged, "after round 2",
              [&] { Study(spec_of(2), dataset, study).run({}); });
}

}  // namespace fedcamae
