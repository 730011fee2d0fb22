// What a study comes to: attack by defense, over its rounds and seeds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/study_plan.h"
#include "fl/study.h"

namespace fedcamae {

class StudyTotals {
 public:
  explicit StudyTotals(const StudyPlan& plan);
  // Cells in the order in which a Study makes them.
  void add(int64_t seed, const StudyCell& cell);

  // The accuracy of plain averaging in this round, less that without attack; empty before both are
  // known, in percentage points / 100.
  std::optional<double> harm(int64_t seed, const StudyCell& cell) const;

  // The tables as Markdown: rates, and accuracies; once more for the closed loop where there is
  // one. `scale`: a line on what was run.
  std::string text(const std::string& scale) const;
  // The open loop's table as a picture, colored by TPR and FPR.
  std::string svg(const std::string& scale) const;

 private:
  struct Mean {
    double sum = 0;
    int64_t count = 0;
    void add(const std::optional<double>& value);
    std::optional<double> value() const;
  };
  struct Cell {
    Detection counts;
    Mean auc, accuracy, change;  // change: against plain averaging without attack
    int64_t last_round = 0;      // closed loop: accuracy and change are of the last round alone
  };
  using Table = std::vector<std::vector<Cell>>;  // [attack][defense]

  std::string rates(const Table& table) const;
  std::string accuracies(const Table& table) const;
  std::string markdown(const Table& table, const std::string& corner,
                       std::string (*write)(const Cell&)) const;
  static std::string rates_text(const Cell& cell);
  static std::string accuracy_text(const Cell& cell);
  static std::string color(const Cell& cell);

  std::vector<std::string> attacks_, defenses_;
  Table open_, closed_;
  bool any_closed_ = false;
  int64_t cells_ = 0;
  // Accuracy without attack under plain averaging, by seed, loop and round.
  std::map<std::pair<int64_t, std::pair<bool, int64_t>>, double> clean_;
};

}  // namespace fedcamae
