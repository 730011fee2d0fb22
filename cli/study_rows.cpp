#include "cli/study_rows.h"

#include <charconv>
#include <fstream>
#include <optional>
#include <set>

#include "cli/run_folder.h"
#include "core/error.h"

namespace fedcamae {
namespace {

// Columns of study.csv.
constexpr size_t kTp = 7, kFp = 8, kTn = 9, kFn = 10, kNonfinite = 11, kAuc = 14, kAccuracy = 15,
                 kColumns = 18;
constexpr double kMost = 1e9;  // of a count

using Lines = std::vector<std::string>;

Lines whole_lines(const StudyTable& table) {
  std::ifstream file(table.path, std::ios::binary);
  Lines lines;
  for (std::string line; std::getline(file, line) && !file.eof();) lines.push_back(line);
  if (lines.empty() || lines[0] != table.header)
    fail(ErrorKind::kData, "{}: does not begin with the columns of a study; start a new one",
         table.path);
  return lines;
}

Lines split(const std::string& line) {
  Lines parts(1);
  for (const char c : line)
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

// Empty: nothing was measured.
std::optional<double> number(const std::string& text, bool& good) {
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  good = good && error == std::errc() && end == text.data() + text.size();
  return value;
}

bool read_row(const std::string& line, StudyCell& cell) {
  const Lines columns = split(line);
  if (columns.size() != kColumns) return false;
  bool good = true;
  const auto count = [&](size_t column) {
    const std::optional<double> value = number(columns[column], good);
    good = good && value && *value >= 0 && *value < kMost;
    return good ? static_cast<int64_t>(*value) : 0;
  };
  cell.record.detection = ratios(count(kTp), count(kFp), count(kTn), count(kFn), count(kNonfinite));
  cell.record.detection.auc = number(columns[kAuc], good);
  cell.record.accuracy = number(columns[kAccuracy], good);
  return good;
}

// Rows whose first columns are those of a cell that has its row.
void keep_rows(const StudyTable& table, Lines lines, const std::set<std::string>& keys) {
  std::erase_if(lines, [&](const std::string& line) {
    size_t end = 0;
    for (size_t comma = line.find(','); comma != std::string::npos; comma = line.find(',', end)) {
      if (keys.contains(line.substr(0, comma))) return false;
      end = comma + 1;
    }
    return line != table.header;
  });
  write_whole(table.path, fmt::format("{}", fmt::join(lines, "\n")));
}

}  // namespace

std::string row_key(int64_t seed, const StudyCell& cell, const StudyPlan& plan) {
  return fmt::format("{},{},{},{},{}", seed, cell.closed_loop ? "closed" : "open",
                     cell.record.round, plan.attacks[cell.attack].name,
                     plan.defenses[cell.defense].name);
}

std::vector<StudyRow> mend_tables(const StudyTable& cells, const StudyTable& clients,
                                  const StudyTable& attacks, const StudyPlan& plan,
                                  const std::vector<int64_t>& seeds) {
  const Lines lines = whole_lines(cells), client_lines = whole_lines(clients),
              attack_lines = whole_lines(attacks);
  const std::vector<StudyCell> planned = planned_cells(make_study(plan));
  std::vector<StudyRow> rows;
  std::set<std::string> keys, attack_keys;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t seed = rows.size() / planned.size();
    bool good = seed < seeds.size();
    if (good) {
      StudyRow row{seeds[seed], planned[rows.size() % planned.size()]};
      const std::string key = row_key(row.seed, row.cell, plan);
      good = lines[i].starts_with(key + ",") && read_row(lines[i], row.cell);
      keys.insert(key);
      if (!row.cell.closed_loop && row.cell.defense == 0)
        attack_keys.insert(fmt::format("{},{},{}", row.seed, row.cell.record.round,
                                       plan.attacks[row.cell.attack].name));
      rows.push_back(std::move(row));
    }
    if (!good)
      fail(ErrorKind::kData, "{}:{}: is not the row that the plan makes next; start a new study",
           cells.path, i + 1);
  }
  write_whole(cells.path, fmt::format("{}", fmt::join(lines, "\n")));
  keep_rows(clients, client_lines, keys);
  keep_rows(attacks, attack_lines, attack_keys);
  return rows;
}

}  // namespace fedcamae
