#include "defense/round_memory.h"

#include <doctest/doctest.h>

#include <vector>

namespace fedcamae {
namespace {

TEST_CASE("a round that comes again finds what the rounds before it left") {
  RoundMemory<std::vector<int>> memory;
  memory.begin(1).push_back(10);
  for (int again = 0; again < 3; ++again) {
    std::vector<int>& now = memory.begin(2);
    CHECK(now == std::vector<int>{10});
    now.push_back(20 + again);
  }
  CHECK(memory.now() == std::vector<int>{10, 22});
  CHECK(memory.begin(5) == std::vector<int>{10, 22});  // rounds may be left out
  memory.now().clear();
  CHECK(memory.begin(5) == std::vector<int>{10, 22});
}

TEST_CASE("the first round may come again too") {
  RoundMemory<int> memory;
  for (int again = 0; again < 2; ++again) {
    CHECK(memory.begin(1) == 0);
    memory.now() = 7;
  }
  CHECK(memory.begin(2) == 7);
}

}  // namespace
}  // namespace fedcamae
