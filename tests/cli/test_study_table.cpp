// The sums of a study's tables, against cells that are counted by hand.
#include <doctest/doctest.h>

#include "cli/study_table.h"
#include "tests/cli/support.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

StudyPlan plan() {
  return {Options(study_options()),
          {{"none", "none", {}}, {"ipm", "ipm", {}}},
          {{"mean", "mean", {}}, {"krum", "krum", {}}}};
}

StudyCell cell(size_t attack, size_t defense, int64_t round, Detection detection,
               std::optional<double> accuracy, bool closed = false) {
  StudyCell made{attack, defense, closed, {}, {}};
  made.record.round = round;
  made.record.detection = detection;
  made.record.accuracy = accuracy;
  return made;
}

Detection counts(int64_t tp, int64_t fp, int64_t tn, int64_t fn, std::optional<double> auc,
                 int64_t nonfinite = 0) {
  Detection detection = ratios(tp, fp, tn, fn, nonfinite);
  detection.auc = auc;
  return detection;
}

}  // namespace

TEST_CASE("study table: rates of summed counts, mean areas, change against the same round") {
  StudyTotals totals(plan());
  for (const int64_t seed : {1, 2}) {
    const double more = seed == 1 ? 0 : 0.1;
    totals.add(seed, cell(0, 0, 5, counts(0, 0, 6, 0, {}), 0.70 + more));
    totals.add(seed, cell(0, 1, 5, counts(0, 1, 5, 0, {}), {}));
    totals.add(seed, cell(1, 0, 5, counts(0, 0, 4, 2, {}), 0.50));
    totals.add(seed, cell(1, 1, 5, counts(seed, 1, 3, 2 - seed, 0.5 + 0.25 * more * 10), 0.75));
  }
  const std::string text = totals.text("two seeds");
  CAPTURE(text);
  CHECK(text.starts_with("two seeds\n"));
  CHECK(contains(text, "| none            | - / 0.00 (-)    | - / 0.17 (-)       |"));  // 2 of 12
  // Found: 1 of 2 and 2 of 2; thrown out: 2 of 8 honest; areas 0.5 and 0.75.
  CHECK(contains(text, "| ipm             | 0.00 / 0.00 (-) | 0.75 / 0.25 (0.62) |"));
  // 0.5 against 0.7 and 0.8; 0.75 against the same.
  CHECK(contains(text, "| ipm               | 50.0 (-25.0) | 75.0 (+0.0) |"));
  CHECK(contains(text, "| none              | 75.0 (+0.0)  | -           |"));
  CHECK_FALSE(contains(text, "Closed loop"));
  CHECK(*totals.harm(2, cell(1, 0, 5, {}, 0.6)) == doctest::Approx(-0.2));
  CHECK_FALSE(totals.harm(2, cell(1, 0, 6, {}, 0.6)).has_value());
  CHECK_FALSE(totals.harm(2, cell(1, 1, 5, {}, 0.6)).has_value());
}

TEST_CASE("study table: closed loop, accuracies of its last round; what was not run is not shown") {
  StudyTotals totals(plan());
  for (const int64_t seed : {1, 2})
    for (const int64_t round : {3, 4}) {
      const double gain = 0.01 * static_cast<double>(round);
      totals.add(seed, cell(0, 0, round, counts(0, 0, 6, 0, {}), 0.6 + gain, true));
      totals.add(seed, cell(1, 0, round, counts(0, 0, 4, 2, {}), 0.5 - gain, true));
    }
  const std::string text = totals.text("");
  CAPTURE(text);
  CHECK(contains(text, "| none              | 64.0 (+0.0)  |\n"));
  CHECK(contains(text, "| ipm               | 46.0 (-18.0) |"));
  CHECK_FALSE(contains(text, "krum"));
}

TEST_CASE("study table: what is not finite is not found; colours from red to green") {
  StudyTotals totals(plan());
  totals.add(1, cell(0, 0, 1, counts(0, 0, 10, 0, {}), 0.7));
  totals.add(1, cell(0, 1, 1, counts(0, 1, 9, 0, {}), 0.7));     // FPR 0.1: half of 0.2
  totals.add(1, cell(1, 0, 1, counts(0, 0, 8, 2, {}), 0.7));     // finds none
  totals.add(1, cell(1, 1, 1, counts(0, 0, 8, 0, {}, 2), 0.7));  // overflow
  CHECK(contains(totals.text(""), "| not finite / 0.00 (-) |"));
  const std::string svg = totals.svg("title");
  CHECK(contains(svg, ">title</text>"));
  std::vector<std::string> colors;
  for (size_t at = 0; (at = svg.find("hsl(", at)) != std::string::npos; ++at)
    colors.push_back(svg.substr(at + 4, svg.find(',', at) - at - 4));
  CHECK(colors == std::vector<std::string>{"120", "60", "0", "120"});
}
