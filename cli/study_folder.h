// The files of a study: rows as they come, whole at every moment.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "cli/study_plan.h"
#include "cli/study_table.h"

namespace fedcamae {

class StudyFolder {
 public:
  // Makes the folder, and study.csv, study_clients.csv and study_attacks.csv with their headers.
  StudyFolder(const std::string& path, const StudyPlan& plan);

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // attackers: their ids, sorted, whether or not they act in this cell.
  void add(int64_t seed, const StudyCell& cell, const std::vector<int64_t>& attackers);
  const StudyTotals& totals() const { return totals_; }

 private:
  void add_attack(int64_t seed, const StudyCell& cell, const std::vector<int64_t>& attackers);
  std::string key(int64_t seed, const StudyCell& cell) const;

  std::string path_;
  std::vector<std::string> attacks_, defenses_;
  std::ofstream cells_, clients_, geometry_;
  StudyTotals totals_;
};

}  // namespace fedcamae
