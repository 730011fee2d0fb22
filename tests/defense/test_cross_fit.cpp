// Errors of rows under coders that did not see them.
#include "defense/cross_fit.h"

#include <doctest/doctest.h>

#include "defense/core_rows.h"

namespace fedcamae {
namespace {

// A coder that has learned nothing says zero: the training rows' median.
const CrossFitSpec kNothing = {.coder = {.epochs = 1, .lr = 0, .first_decoder = 0}, .folds = 2};

TEST_CASE("a row is scored by the coder that saw neither it nor its copy; others by the mean") {
  const Rows rows = {{0}, {1}, {2}, {3}, {10}, {3}};
  // Folds of the core in turn: {2, 3} and {1, 0}. The coder without the first says 0.5, the other
  // 2.5. Row 5 is a copy of row 3, row 4 is not in the core: (9.5^2 + 7.5^2) / 2.
  const CrossFit fit = cross_fit(rows, {0, 1, 2, 3, 4, 3}, {2, 1, 3, 0}, kNothing, {1});
  CHECK(fit.errors == std::vector<double>{6.25, 2.25, 2.25, 6.25, 73.25, 6.25});
  CHECK(fit.reconstructed[2] == Row{0.5});
  CHECK(fit.reconstructed[0] == Row{2.5});
}

TEST_CASE("without epochs, or with a core of less than three: the distance from the median") {
  const Rows rows = {{0, 0}, {2, 4}, {5, 2}, {5, 2}};
  const std::vector<size_t> voice = {0, 1, 2, 2};
  const std::vector<double> expected = {4, 2, 4.5, 4.5};  // around (2, 2), the copy not heard
  CHECK(cross_fit(rows, voice, {0, 1}, kNothing, {1}).errors == expected);
  CHECK(cross_fit(rows, voice, {0, 1, 2}, {.coder = {.epochs = 0}}, {1}).errors == expected);
  CHECK(cross_fit({{7}}, {0}, {0}, kNothing, {1}).errors == std::vector<double>{0});
  CHECK(cross_fit({}, {}, {}, kNothing, {1}).errors.empty());
}

TEST_CASE("equal rows are no error, whatever their scale") {
  const Rows rows(5, Row{3, -1});
  const CrossFit fit = cross_fit(rows, {0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, kNothing, {1});
  CHECK(fit.errors == std::vector<double>(5, 0.0));
}

// Rows along one direction with a little noise, and one beside it, as far out as the farthest.
TEST_CASE("what the core has in common is learned: a row along it errs less than one beside it") {
  Random random({3});
  Rows rows;
  for (int i = 0; i < 12; ++i) {
    const double along = random.uniform(-1, 1);
    Row row(8);
    for (size_t j = 0; j < 8; ++j) row[j] = (j < 4 ? along : -along) + 0.05 * random.normal();
    rows.push_back(row);
  }
  rows.push_back({1.2, 1.2, 1.2, 1.2, -1.2, -1.2, -1.2, -1.2});
  rows.push_back({1.2, -1.2, 1.2, -1.2, 1.2, -1.2, 1.2, -1.2});
  std::vector<size_t> core;
  for (size_t i = 0; i < 12; ++i) core.push_back(i);
  const std::vector<size_t> all = voices(rows, 0);
  const CrossFit learned = cross_fit(rows, all, core, {}, {.seed = 2});
  CHECK(learned.errors[13] > 5 * learned.errors[12]);
  // Around the median alone they are as far.
  const CrossFit distance = cross_fit(rows, all, core, kNothing, {.seed = 2});
  CHECK(distance.errors[13] < 2 * distance.errors[12]);
  const CrossFit again = cross_fit(rows, all, core, {}, {.seed = 2});
  CHECK(again.errors == learned.errors);
}

}  // namespace
}  // namespace fedcamae
