#include "cli/study_table.h"

#include <algorithm>
#include <cmath>

namespace fedcamae {
namespace {

std::string plain(const std::optional<double>& value, const char* otherwise = "-") {
  return value ? fmt::format("{:.2f}", *value) : otherwise;
}
std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", 100 * *value) : "-";
}
std::string points(const std::optional<double>& value) {
  return value ? fmt::format("{:+.1f}", 100 * *value) : "-";
}

}  // namespace

void StudyTotals::Mean::add(const std::optional<double>& value) {
  if (!value) return;
  sum += *value;
  ++count;
}
std::optional<double> StudyTotals::Mean::value() const {
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

StudyTotals::StudyTotals(const StudyPlan& plan)
    : open_(plan.attacks.size(), std::vector<Cell>(plan.defenses.size())), closed_(open_) {
  for (const StudyEntry& attack : plan.attacks) attacks_.push_back(attack.name);
  for (const StudyEntry& defense : plan.defenses) defenses_.push_back(defense.name);
}

void StudyTotals::add(int64_t seed, const StudyCell& cell) {
  ++cells_;
  any_closed_ = any_closed_ || cell.closed_loop;
  const RoundRecord& record = cell.record;
  const std::pair key{seed, std::pair{cell.closed_loop, record.round}};
  if (cell.attack == 0 && cell.defense == 0 && record.accuracy) clean_[key] = *record.accuracy;
  Cell& sum = (cell.closed_loop ? closed_ : open_)[cell.attack][cell.defense];
  const Detection &counts = sum.counts, &d = record.detection;
  sum.counts = ratios(counts.tp + d.tp, counts.fp + d.fp, counts.tn + d.tn, counts.fn + d.fn,
                      counts.nonfinite + d.nonfinite);
  sum.auc.add(d.auc);
  if (cell.closed_loop && record.round > sum.last_round) sum.accuracy = sum.change = {};
  sum.last_round = std::max(sum.last_round, record.round);
  if (cell.closed_loop && record.round < sum.last_round) return;
  sum.accuracy.add(record.accuracy);
  const auto clean = clean_.find(key);
  if (record.accuracy && clean != clean_.end()) sum.change.add(*record.accuracy - clean->second);
}

std::optional<double> StudyTotals::harm(int64_t seed, const StudyCell& cell) const {
  const auto clean = clean_.find({seed, {cell.closed_loop, cell.record.round}});
  if (cell.defense != 0 || !cell.record.accuracy || clean == clean_.end()) return std::nullopt;
  return *cell.record.accuracy - clean->second;
}

// "0.92 / 0.04 (0.99)"; where all attackers were thrown out as not finite there is no TPR.
std::string StudyTotals::rates_text(const Cell& cell) {
  if (cell.counts.tp + cell.counts.fp + cell.counts.tn + cell.counts.fn == 0) return "-";
  return fmt::format("{} / {} ({})",
                     plain(cell.counts.tpr, cell.counts.nonfinite > 0 ? "not finite" : "-"),
                     plain(cell.counts.fpr), plain(cell.auc.value()));
}
std::string StudyTotals::accuracy_text(const Cell& cell) {
  if (!cell.accuracy.value()) return "-";
  return fmt::format("{} ({})", percent(cell.accuracy.value()), points(cell.change.value()));
}

// Without the rows and columns in which nothing was measured.
std::string StudyTotals::markdown(const Table& table, const std::string& corner,
                                  std::string (*write)(const Cell&)) const {
  std::vector<std::vector<std::string>> columns = {{corner}};
  columns[0].insert(columns[0].end(), attacks_.begin(), attacks_.end());
  std::vector<bool> shown(columns[0].size(), false);
  shown[0] = true;
  for (size_t d = 0; d < defenses_.size(); ++d) {
    std::vector<std::string> column = {defenses_[d]};
    bool measured = false;
    for (size_t a = 0; a < table.size(); ++a) {
      column.push_back(write(table[a][d]));
      measured = measured || column.back() != "-";
      shown[a + 1] = shown[a + 1] || column.back() != "-";
    }
    if (measured) columns.push_back(column);
  }
  std::string text;
  for (size_t row = 0; row < shown.size(); ++row) {
    if (!shown[row]) continue;
    std::string rule;
    for (const auto& column : columns) {
      size_t width = 3;
      for (size_t i = 0; i < column.size(); ++i)
        if (shown[i]) width = std::max(width, column[i].size());
      text += fmt::format("| {:<{}} ", column[row], width);
      rule += fmt::format("|{:-<{}}", "", width + 2);
    }
    text += "|\n";
    if (row == 0) text += rule + "|\n";
  }
  return text;
}

std::string StudyTotals::rates(const Table& table) const {
  return markdown(table, "TPR / FPR (AUC)", rates_text);
}
std::string StudyTotals::accuracies(const Table& table) const {
  return markdown(table, "accuracy (change)", accuracy_text);
}

std::string StudyTotals::text(const std::string& scale) const {
  std::string text = scale + "\n\n" + rates(open_) +
                     "\nTest accuracy of the next global model, %, and its change against plain "
                     "averaging without attack:\n\n" +
                     accuracies(open_);
  if (any_closed_)
    text += "\nClosed loop, all of its rounds:\n\n" + rates(closed_) +
            "\nTest accuracy after its last round, %, and its change:\n\n" + accuracies(closed_);
  text.pop_back();
  return text;
}

// From red (nothing found, or a fifth of the honest thrown out) over yellow to green.
std::string StudyTotals::color(const Cell& cell) {
  constexpr double kWorstFpr = 0.2;
  const double honest = 1 - std::min(1.0, cell.counts.fpr.value_or(0) / kWorstFpr);
  const double quality = cell.counts.tpr.value_or(1) * honest;
  return fmt::format("hsl({:.0f},70%,80%)", 120 * quality);
}

std::string StudyTotals::svg(const std::string& scale) const {
  constexpr size_t kWidth = 150, kHeight = 44, kTop = 64, kLine = 17;
  constexpr size_t kLetter = 7;  // a wide one's width at this size
  size_t left = 0;
  for (const std::string& attack : attacks_) left = std::max(left, 16 + kLetter * attack.size());
  const size_t width = std::max(left + kWidth * defenses_.size(), 16 + kLetter * scale.size());
  const size_t height = kTop + kHeight * attacks_.size();
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" "
      "fill=\"white\"/>\n",
      width + 8, height + 32);
  const auto write = [&](size_t x, size_t y, const std::string& text) {
    out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", x, y, text);
  };
  write(8, 20, scale);
  for (size_t d = 0; d < defenses_.size(); ++d)
    write(left + d * kWidth + 6, kTop - 8, defenses_[d]);
  for (size_t a = 0; a < attacks_.size(); ++a) {
    const size_t y = kTop + a * kHeight;
    write(8, y + kLine, attacks_[a]);
    for (size_t d = 0; d < defenses_.size(); ++d) {
      const Cell& cell = open_[a][d];
      const size_t x = left + d * kWidth;
      out += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"white\"/>\n", x,
          y, kWidth, kHeight, color(cell));
      write(x + 6, y + kLine, rates_text(cell));
      write(x + 6, y + 2 * kLine, accuracy_text(cell));
    }
  }
  write(8, height + 20,
        "TPR / FPR (AUC), accuracy in % (change); green: all malicious and no honest client found");
  return out + "</svg>";
}

}  // namespace fedcamae
