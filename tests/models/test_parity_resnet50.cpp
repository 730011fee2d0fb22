#include <doctest/doctest.h>

#include "tests/models/parity.h"

TEST_SUITE("slow") {
  TEST_CASE("resnet50 is torchvision's at 32x32") {
    fedcamae::testing::check_parity(
        {.arch = "resnet50", .size = 32, .batch = 8, .stream = 1022, .runs = 3, .margin = 4e-6});
  }
  TEST_CASE("resnet50 is torchvision's at 224x224") {
    fedcamae::testing::check_parity({.arch = "resnet50", .size = 224, .batch = 2});
  }
}
