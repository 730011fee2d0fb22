// The files of a study: rows as they come, whole at every moment, and in resume/, until it is
// finished, the models from which it can go on.
#pragma once

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "cli/study_plan.h"
#include "cli/study_rows.h"
#include "cli/study_table.h"

namespace fedcamae {

class StudyFolder {
 public:
  // Makes the folder, and study.csv, study_clients.csv and study_attacks.csv with their headers;
  // `resumed`: goes on with those that are there. The latter throws as mend_tables does.
  StudyFolder(const std::string& path, const StudyPlan& plan, const std::vector<int64_t>& seeds,
              bool resumed);
  // Throws Error{kUsage} where no study can go on.
  static void check_resumable(const std::string& path);

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // attackers: their ids, sorted, whether or not they act in this cell.
  void add(int64_t seed, const StudyCell& cell, const std::vector<int64_t>& attackers);
  const StudyTotals& totals() const { return totals_; }

  StudyPast past(int64_t seed) const;
  // The model from which a round begins. That of the round before goes, where it was not studied.
  void keep(int64_t seed, int64_t round, const Model& model) const;
  void forget(int64_t seed) const;  // its models, as it is finished
  void finish() const;              // nothing goes on from here

 private:
  void make_tables();
  void read_tables(const std::vector<int64_t>& seeds);
  StudyTable table(size_t index) const;
  std::string model_file(int64_t seed, int64_t round) const;
  void add_attack(int64_t seed, const StudyCell& cell, const std::vector<int64_t>& attackers);

  std::string path_;
  StudyPlan plan_;
  std::vector<int64_t> rounds_;        // that are studied
  std::map<int64_t, int64_t> before_;  // by seed: rows that another process left
  std::ofstream cells_, clients_, geometry_;
  StudyTotals totals_;
};

}  // namespace fedcamae
