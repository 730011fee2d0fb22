// Small studies for the tests of fl/study.
#pragma once

#include <string>
#include <vector>

#include "fl/study.h"
#include "tests/fl/support.h"

namespace fedcamae::testing {

std::unique_ptr<Defense> make_defense(const std::string& name);  // multi_krum with f = 2

extern const std::vector<std::string> kStudyAttacks, kStudyDefenses;  // of study_of
StudySpec study_of(std::vector<int64_t> rounds);
FederationSpec spec_of(int64_t rounds);  // tiny_spec's

// What an unbroken study makes, and that it makes as many cells as it says.
std::vector<StudyCell> cells_of(const FederationSpec& spec, const Dataset& dataset,
                                StudySpec study);
std::string text_of(const std::vector<StudyCell>& cells);  // the same where the bits are

}  // namespace fedcamae::testing
