// Studies that are interrupted, and go on.
#include <algorithm>
#include <atomic>
#include <map>

#include "defense/registry.h"
#include "tests/fl/studies.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

// What an interrupted study leaves: how far it came, and the models from which rounds began.
struct Left {
  Context context;  // that outlives the study's
  std::string text = {};
  int64_t cells = 0, round = 0, trained = 0;
  std::map<int64_t, ModelState> models = {};
  explicit Left(const FederationSpec& spec) : context({.device = spec.device}) {}
};

// Goes on for so many cells at most; true where it came to its end.
bool go_on(const FederationSpec& spec, const Dataset& dataset, const StudySpec& study, Left& left,
           int64_t most) {
  Study made(spec, dataset, study);
  const int64_t end = left.cells + most;
  const StudyPast past{left.cells, left.round, [&](int64_t round, Model& model) {
                         model.set_state(left.models.at(round).to(model.context()));
                       }};
  const auto studied = [&](int64_t round) {
    return std::find(study.rounds.begin(), study.rounds.end(), round) != study.rounds.end();
  };
  try {
    made.run({.on_client = [&](int64_t, int64_t) { ++left.trained; },
              .on_round =
                  [&](int64_t round, const Model& model) {
                    CHECK(round == left.round + 1);
                    if (!studied(left.round)) left.models.erase(left.round);
                    left.models.emplace(round, model.state().to(left.context));
                    left.round = round;
                  },
              .on_cell =
                  [&](const StudyCell& cell) {
                    left.text += text_of({cell});
                    ++left.cells;
                  },
              .stop = [&] { return left.cells >= end; }},
             past);
  } catch (const Interrupted&) {
    return false;
  }
  return true;
}

}  // namespace

TEST_CASE("study: what is done before an interruption is what an unbroken one begins with") {
  const Dataset dataset = tiny_dataset();
  const std::string whole = text_of(cells_of(spec_of(2), dataset, study_of({2})));
  size_t longest = 0;
  for (const int limit : {1, 12, 25, 40, 55}) {
    Study made(spec_of(2), dataset, study_of({2}));
    std::atomic<int> asked = 0;
    std::vector<StudyCell> cells;
    CHECK_THROWS_AS(made.run({.on_cell = [&](const StudyCell& cell) { cells.push_back(cell); },
                              .stop = [&] { return ++asked >= limit; }}),
                    Interrupted);
    CHECK(whole.starts_with(text_of(cells)));
    longest = std::max(longest, cells.size());
  }
  CHECK(longest > 3);
  CHECK(longest < 15);
}

// Interrupted before its first cell and then behind every one or two, each time gone on by another
// study. Of the attacks two remember, of the defenses all but one.
TEST_CASE("study: it goes on from wherever it was interrupted, to the last bit" *
          doctest::test_suite("cpu_only")) {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = spec_of(4);
  spec.fraction = 0.7;  // memories are of who took part
  StudySpec study;
  study.rounds = {2, 4};
  study.attacks = {[] {
                     return make_attack("gae", {{"variant", std::string("released_code")}});
                   },
                   [] { return make_attack("label_flip"); },
                   [] { return make_attack("free_rider"); }};
  for (const std::string name : {"mean", "foolsgold", "centred_clipping", "fedcamae"})
    study.defenses.emplace_back([name] { return make_defense(name); });
  study.closed_loop = 2;
  study.live_attacks = {0, 1};
  study.live_defenses = {0, 1};
  const std::string whole = text_of(cells_of(spec, dataset, study));
  Left left(spec);
  CHECK_FALSE(go_on(spec, dataset, study, left, 0));
  while (!go_on(spec, dataset, study, left, 1 + left.cells % 2)) REQUIRE(left.cells <= 40);
  CHECK(left.cells == 2 * 2 * 2 + 2 * 4 * 4);
  CHECK(left.text == whole);
  // A memory of the attack alone, of as many models in every round.
  spec.fraction = 1;
  StudySpec forgetful = study;
  forgetful.attacks.resize(1);
  forgetful.defenses = {study.defenses[0], [] { return make_defense("median"); }};
  Left some(spec);
  CHECK_FALSE(go_on(spec, dataset, forgetful, some, 13));
  CHECK(go_on(spec, dataset, forgetful, some, 99));
  CHECK(some.text == text_of(cells_of(spec, dataset, forgetful)));
  // The models are lost: all is trained again.
  spec.fraction = 0.7;
  Left poor(spec);
  CHECK_FALSE(go_on(spec, dataset, study, poor, 25));
  poor.models.clear();
  poor.round = 0;
  CHECK(go_on(spec, dataset, study, poor, 99));
  CHECK(poor.text == whole);
}

TEST_CASE("study: what was made is not made again where nobody remembers") {
  const Dataset dataset = tiny_dataset();
  int judged = 0, crafted = 0;
  StudySpec study;
  study.rounds = {2, 3};
  for (int i = 0; i < 2; ++i)
    study.attacks.emplace_back([&] {
      auto attack = std::make_unique<FakeAttack>();
      attack->work = [&](const AttackContext& context) {
        ++crafted;
        return std::vector<ModelState>(context.attackers.size(), context.global);
      };
      return attack;
    });
  for (int i = 0; i < 3; ++i)
    study.defenses.emplace_back(
        [&] { return looking([&](const RoundContext&, FakeDefense::Updates) { ++judged; }); });
  study.closed_loop = 1;
  study.live_attacks = {0};
  study.live_defenses = {0, 1};
  const FederationSpec spec = spec_of(3);
  Left left(spec);
  CHECK_FALSE(go_on(spec, dataset, study, left, 2 + 9 + 7));  // the last two cells are not made
  CHECK(left.trained == 6 * (1 + 2 + 2));
  CHECK(crafted == 4);
  CHECK(left.models.size() == 2);  // of the studied rounds
  left.trained = judged = crafted = 0;
  CHECK(go_on(spec, dataset, study, left, 99));
  CHECK(left.trained == 6);  // clients of the last round; the stand-in's attackers do not train
  CHECK(crafted == 1);
  CHECK(judged == 1 + 2);  // plain averaging without attack, and what is left
  left.trained = judged = 0;
  CHECK(go_on(spec, dataset, study, left, 99));
  CHECK(left.trained + judged == 0);
}

// Those that vote, that keep sums, that look back; and no other.
TEST_CASE("study: who remembers says so" * doctest::test_suite("cpu_only")) {
  std::vector<std::string> names;
  for (const DefenseInfo& info : defenses()) {
    Options options(info.options);
    if (info.make(options)->remembers()) names.push_back(info.name);
  }
  for (const AttackInfo& info : attacks())
    if (info.make(Options(info.options))->remembers()) names.push_back(info.name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"centred_clipping", "fedcamae", "foolsgold", "free_rider",
                                          "gae", "grad_cam_ae"});

  // In its last round the others see no difference between one round before it and none.
  StudySpec study;
  study.defenses.emplace_back([] { return make_defense("mean"); });
  for (const DefenseInfo& info : defenses())
    if (!std::binary_search(names.begin(), names.end(), info.name))
      study.defenses.emplace_back([&info] { return info.make(Options(info.options)); });
  for (const AttackInfo& info : attacks())
    if (!std::binary_search(names.begin(), names.end(), info.name))
      study.attacks.emplace_back([&info] { return info.make(Options(info.options)); });
  const Dataset dataset = tiny_dataset();
  const auto last_round = [&](std::vector<int64_t> rounds) {
    study.rounds = std::move(rounds);
    std::vector<StudyCell> cells = cells_of(spec_of(2), dataset, study);
    std::erase_if(cells, [](const StudyCell& cell) { return cell.record.round == 1; });
    return text_of(cells);
  };
  study.evaluate = false;
  CHECK(last_round({1, 2}) == last_round({2}));
}

}  // namespace fedcamae
