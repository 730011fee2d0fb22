#include "tests/fl/studies.h"

#include "defense/registry.h"

namespace fedcamae::testing {

std::unique_ptr<Defense> make_defense(const std::string& name) {
  for (const DefenseInfo& info : defenses()) {
    if (info.name != name) continue;
    Options options(info.options);
    if (name == "multi_krum") options.set("f", int64_t{2});
    return info.make(options);
  }
  FAIL("no defense " << name);
  return nullptr;
}

const std::vector<std::string> kStudyAttacks = {"noise", "sign_flip", "label_flip", "gae"};
const std::vector<std::string> kStudyDefenses = {"mean", "multi_krum", "median"};

StudySpec study_of(std::vector<int64_t> rounds) {
  StudySpec study;
  study.rounds = std::move(rounds);
  for (const std::string& name : kStudyAttacks)
    study.attacks.emplace_back([name] { return make_attack(name); });
  for (const std::string& name : kStudyDefenses)
    study.defenses.emplace_back([name] { return make_defense(name); });
  return study;
}

FederationSpec spec_of(int64_t rounds) {
  FederationSpec spec = tiny_spec();
  spec.rounds = rounds;
  return spec;
}

std::vector<StudyCell> cells_of(const FederationSpec& spec, const Dataset& dataset,
                                StudySpec study) {
  Study made(spec, dataset, std::move(study));
  std::vector<StudyCell> cells;
  made.run({.on_cell = [&](const StudyCell& cell) { cells.push_back(cell); }});
  CHECK(static_cast<int64_t>(cells.size()) == made.cells());
  return cells;
}

std::string text_of(const std::vector<StudyCell>& cells) {
  std::string text;
  for (const StudyCell& cell : cells)
    text += fmt::format("{} {} {} {}", cell.attack, cell.defense, cell.closed_loop,
                        fingerprint(cell.record));
  return text;
}

}  // namespace fedcamae::testing
