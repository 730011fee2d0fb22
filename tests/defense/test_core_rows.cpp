// The centre of a round, by hand.
#include "defense/core_rows.h"

#include <doctest/doctest.h>

namespace fedcamae {
namespace {

using Places = std::vector<size_t>;

TEST_CASE("the median of each coordinate, over the chosen rows") {
  const Rows rows = {{1, 9}, {2, -5}, {100, 0}, {4, 4}};
  CHECK(median_row(rows, {0, 1, 2}) == Row{2, 0});
  CHECK(median_row(rows, {0, 1, 2, 3}) == Row{3, 2});
  CHECK(median_row(rows, {2}) == Row{100, 0});
  CHECK(squared_distance(rows[0], rows[3]) == 34);
}

TEST_CASE("copies speak with the voice of the first of them") {
  // 0.5 is near 0, and 1 is near 0.5 but not near 0: a voice of its own, which 1.4 then shares.
  const Rows rows = {{0}, {0.5}, {1}, {1.4}, {9}, {0}};
  CHECK(voices(rows, 0.6) == Places{0, 0, 2, 2, 4, 0});
  CHECK(first_of_each({0, 0, 2, 2, 4, 0}) == Places{0, 2, 4});
  CHECK(voices(rows, 0) == Places{0, 1, 2, 3, 4, 0});  // equal ones only
  CHECK(voices({}, 1).empty());
}

TEST_CASE("the core: half of the rows and one more, nearest to their median") {
  const Rows rows = {{10}, {0}, {1}, {2}, {3}, {-40}};
  // Median of all six: 1.5; distances 8.5, 1.5, 0.5, 0.5, 1.5, 41.5.
  CHECK(core_rows(rows, {0, 1, 2, 3, 4, 5}) == Places{2, 3, 1, 4});
  // Of the first three: median 1; 9, 1, 0.
  CHECK(core_rows(rows, {0, 1, 2}) == Places{2, 1});
  CHECK(core_rows(rows, {5}) == Places{5});
  CHECK(core_rows(rows, {}).empty());
}

}  // namespace
}  // namespace fedcamae
