// The tables of an interrupted study, read back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/study_plan.h"

namespace fedcamae {

struct StudyRow {
  int64_t seed = 0;
  StudyCell cell;  // counts, area and accuracy of its record alone
};

struct StudyTable {
  std::string path, header;
};
// "seed,loop,round,attack,defense": what a row of study.csv begins with.
std::string row_key(int64_t seed, const StudyCell& cell, const StudyPlan& plan);

// The rows of `cells` (study.csv). A last line without its end is cut off, and so is what the two
// other tables hold of cells without a row. Throws Error{kData} naming file and line where a row is
// not the next one that the plan and its seeds make; then nothing is changed.
std::vector<StudyRow> mend_tables(const StudyTable& cells, const StudyTable& clients,
                                  const StudyTable& attacks, const StudyPlan& plan,
                                  const std::vector<int64_t>& seeds);

}  // namespace fedcamae
