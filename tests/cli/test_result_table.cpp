// The table that ends a run: scale, detection, and what to expect of the published settings.
#include <doctest/doctest.h>

#include "cli/run_report.h"
#include "cli/toml_file.h"
#include "tests/cli/support.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

std::string table(const std::vector<std::string>& assignments, const RunResult& result) {
  Config config;
  for (const std::string& text : assignments) config.apply(parse_assignment(text, "here"));
  return result_table(config, result);
}

RunResult example(const std::string& path) {
  RoundRecord record;
  record.accuracy = 0.625;
  record.loss = 1.5;
  record.detection = ratios(1, 2, 6, 0, 0);
  RunResult result;
  result.path = path;
  result.totals.add(record);
  return result;
}

}  // namespace

TEST_CASE("the table says its scale, and undefined where nothing is defined") {
  const TemporaryFolder folder;
  const std::string text = table({"run.rounds=7", "federation.clients=9", "eval.images=123",
                                  "data.train_images=4567", "defense.type=mean"},
                                 example(folder.path()));
  CHECK(contains(text, "1 of 7 rounds, 9 clients, 4567 train and 123 test images"));
  CHECK(contains(text, "62.50%"));
  CHECK(contains(text, "TPR 1.000, FPR 0.250, precision 0.333"));
  CHECK(contains(text, "AUC undefined"));
  CHECK_FALSE(contains(text, "pictures"));  // there are none
  CHECK_FALSE(contains(text, "note"));      // about another defense's autoencoder
  CHECK(contains(table({"defense.type=mean"}, example(folder.path())), "all test images"));
}

TEST_CASE("under the released detector the table says the map side and what its autoencoder does") {
  const TemporaryFolder folder;
  const std::vector<std::string> own = {"defense.type=fedcamae", "defense.variant=reference",
                                        "defense.map_side=28", "defense.epochs=20"};
  const std::string text = table(own, example(folder.path()));
  CHECK(contains(text, "28 x 28 pixels, of 1 probe image a round at 224 x 224"));
  CHECK(contains(text, "[128] hidden, 20 epochs"));
  CHECK(contains(text, "the published autoencoder (128 hidden, 200 epochs) learns every map"));
  CHECK(contains(
      table({"defense.type=fedcamae", "defense.variant=reference"}, example(folder.path())),
      "(these 128 hidden, 200 epochs)"));
  const std::string own_variant = table(
      {"defense.type=fedcamae", "defense.channels=[\"shape\", \"twins\"]"}, example(folder.path()));
  CHECK(contains(own_variant, "the server's, 100 at most, at their own size"));
  CHECK(contains(own_variant, "shape, twins"));
  CHECK_FALSE(contains(own_variant, "note"));
}
