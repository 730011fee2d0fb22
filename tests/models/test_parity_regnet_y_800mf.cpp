#include <doctest/doctest.h>

#include "tests/models/parity.h"

TEST_SUITE("slow") {
  TEST_CASE("regnet_y_800mf is torchvision's at 32x32") {
    fedcamae::testing::check_parity({.arch = "regnet_y_800mf",
                                     .size = 32,
                                     .batch = 8,
                                     .stream = 1023,
                                     .runs = 3,
                                     .margin = 4e-6});
  }
  TEST_CASE("regnet_y_800mf is torchvision's at 224x224") {
    fedcamae::testing::check_parity({.arch = "regnet_y_800mf", .size = 224, .batch = 4});
  }
}
