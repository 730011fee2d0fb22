#include "defense/vote.h"

#include <doctest/doctest.h>

#include <vector>

namespace fedcamae {
namespace {

std::vector<bool> excluded(int64_t b, const std::vector<bool>& flags) {
  Vote vote(b);
  std::vector<bool> result;
  for (const bool flag : flags) result.push_back(vote.excludes(3, flag));
  return result;
}

TEST_CASE("b = 1 is no voting") {
  const std::vector<bool> flags = {true, false, true, true, false};
  CHECK(excluded(1, flags) == flags);
}

TEST_CASE("b = 3: excluded while flagged in two of the last three") {
  CHECK(excluded(3, {false, false, true, true, false, false, true, false, true}) ==
        std::vector<bool>{false, false, false, true, true, false, false, false, true});
}

TEST_CASE("b = 4: three of the last four, before that two of three") {
  CHECK(excluded(4, {false, true, true, false, true, true, true}) ==
        std::vector<bool>{false, false, true, false, true, true, true});
}

TEST_CASE("a newcomer: one of one, two of two, then two of three") {
  CHECK(excluded(3, {true, false, true}) == std::vector<bool>{true, false, true});
  CHECK(excluded(5, {true, true, false, false, true}) ==
        std::vector<bool>{true, true, true, false, true});
}

TEST_CASE("clients have votes of their own, over the rounds in which they took part") {
  Vote vote(3);
  CHECK(vote.excludes(1, true));
  CHECK(vote.excludes(1, true));
  CHECK_FALSE(vote.excludes(2, false));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(vote.excludes(2, false));
  CHECK(vote.excludes(1, false));
  CHECK_FALSE(vote.excludes(1, false));
}

TEST_CASE("a round that comes again replaces its own flags") {
  Vote vote(3);
  vote.begin(1);
  CHECK_FALSE(vote.excludes(1, false));
  for (int again = 0; again < 3; ++again) {
    vote.begin(2);
    CHECK_FALSE(vote.excludes(1, false));
    CHECK(vote.excludes(7, true));
  }
  vote.begin(3);
  CHECK_FALSE(vote.excludes(1, true));  // one of three
  vote.begin(3);
  CHECK_FALSE(vote.excludes(1, true));
  vote.begin(4);
  CHECK(vote.excludes(1, true));
}

}  // namespace
}  // namespace fedcamae
