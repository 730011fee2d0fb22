// The run folder: what is refused before any work, the columns of its tables, the panel.
#include <doctest/doctest.h>

#include <filesystem>
#include <limits>

#include "cli/font.h"
#include "cli/panel.h"
#include "cli/run_folder.h"
#include "cli/totals.h"
#include "core/error.h"
#include "tests/cli/support.h"

using namespace fedcamae;
using namespace fedcamae::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ErrorKind refusal(const std::string& path) {
  try {
    check_run_folder(path);
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kUnexpected;
}

RoundRecord example() {
  RoundRecord record;
  record.round = 3;
  record.accuracy = 0.5;
  record.loss = kNaN;
  record.threshold = 0.25;
  record.clients = {{0, 10, 1.5, 0.1, true, false, false, 2.5},
                    {4, 20, kNaN, kNaN, false, true, true}};
  record.detection.tp = 1;
  record.detection.tpr = 1.0;
  return record;
}

constexpr Color kRed{214, 30, 30}, kGrey{190, 190, 190};

Color jet_color(float value) {
  uint8_t rgb[3];
  jet(value, rgb);
  return {rgb[0], rgb[1], rgb[2]};
}

int64_t count(const Picture& picture, Color color) {
  int64_t found = 0;
  for (size_t i = 0; i < picture.pixels.size(); i += 3)
    found += picture.pixels[i] == color.r && picture.pixels[i + 1] == color.g &&
                     picture.pixels[i + 2] == color.b
                 ? 1
                 : 0;
  return found;
}

}  // namespace

TEST_CASE("a run folder is new or empty") {
  const TemporaryFolder folder;
  CHECK_NOTHROW(check_run_folder(folder.path()));
  CHECK_NOTHROW(check_run_folder(folder.file("new/below")));
  CHECK_FALSE(std::filesystem::exists(folder.file("new")));
  write_file(folder.file("file"), "x");
  CHECK(refusal(folder.path()) == ErrorKind::kUsage);
  CHECK(refusal(folder.file("file")) == ErrorKind::kUsage);
  CHECK(refusal(folder.file("file/below")) == ErrorKind::kData);
}

TEST_CASE("the tables hold one row a round and one a client, undefined values empty or null") {
  const TemporaryFolder folder;
  {
    RunFolder run(folder.file("run"));
    run.add_round(example(), 12.5);
    // Flushed already, while the files are open.
    CHECK(lines_of(read_text(folder.file("run/metrics.csv"))).size() == 2);
  }
  const auto clients = lines_of(read_text(folder.file("run/clients.csv")));
  REQUIRE(clients.size() == 3);
  CHECK(clients[0] == "round,client,samples,loss,score,threshold,accepted,malicious,distance");
  CHECK(clients[1] == "3,0,10,1.5,0.1,0.25,1,0,2.5");
  CHECK(clients[2] == "3,4,20,,,0.25,0,1,");
  const auto metrics = lines_of(read_text(folder.file("run/metrics.csv")));
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[0] ==
        "round,accuracy,loss,clients,accepted,threshold,tp,fp,tn,fn,nonfinite,tpr,fpr,precision,f1,"
        "mcc,auc,train_s,attack_s,defense_s,evaluate_s,elapsed_s");
  CHECK(metrics[1] == "3,0.5,,2,1,0.25,1,0,0,0,0,1.0,,,,,,0.0,0.0,0.0,0.0,12.5");
  const auto json = lines_of(read_text(folder.file("run/metrics.jsonl")));
  REQUIRE(json.size() == 1);
  CHECK(json[0].find("\"round\":3,\"accuracy\":0.5,\"loss\":null,") != std::string::npos);
  CHECK(json[0].find("\"tpr\":1.0,\"fpr\":null") != std::string::npos);
}

TEST_CASE("totals sum the counts and average the areas of the rounds that have one") {
  Totals totals;
  RoundRecord first = example(), second = example();
  first.detection = ratios(2, 1, 6, 1, 0);
  first.detection.auc = 0.5;
  second.accuracy.reset();
  second.detection = ratios(1, 0, 7, 2, 3);
  second.detection.auc = 1.0;
  totals.add(first);
  totals.add(second);
  totals.add(example());  // tp 1, no area
  CHECK(totals.rounds() == 3);
  CHECK(*totals.accuracy() == 0.5);
  const Detection d = totals.detection();
  CHECK(d.tp == 4);
  CHECK(d.fn == 3);
  CHECK(d.nonfinite == 3);
  CHECK(*d.tpr == doctest::Approx(4.0 / 7));
  CHECK(*d.fpr == doctest::Approx(1.0 / 14));
  CHECK(*d.auc == doctest::Approx(0.75));
}

TEST_CASE("the panel frames malicious clients and marks rejected ones") {
  constexpr int64_t kTile = 112 * 112;  // pixels of one map in the panel
  RoundRecord record = example();
  HeatMapReport maps;
  maps.side = 2;
  maps.maps = {0, 0, 0, 0, 1, 1, 1, 1};
  maps.reconstructions = {0, 0, 0, 0, 0, 0, kNaN, 0};
  maps.probe_side = 1;
  maps.probe = {0, 1, 0};
  record.heat_maps = maps;
  const Picture panel = heat_map_panel(record);
  CHECK(panel.pixels.size() == static_cast<size_t>(panel.width * panel.height * 3));
  CHECK(count(panel, {0, 255, 0}) == kTile);  // the probe
  const int64_t frame = (112 + 8) * (2 * 112 + 12) - 2 * kTile;
  CHECK(count(panel, kRed) > frame);  // one frame and a name
  CHECK(count(panel, kRed) < frame + 1000);
  CHECK(count(panel, kGrey) == frame + kTile / 4);  // the honest frame, and what is not finite
  const int64_t bar = 14 * 4;  // pixels of the legend's bar in its last colour, at most
  const int64_t high = count(panel, jet_color(1)), low = count(panel, jet_color(0));
  CHECK(high >= kTile);  // nothing is drawn over a map
  CHECK(high <= kTile + bar);
  CHECK(low >= 2 * kTile + 3 * kTile / 4);
  CHECK(low <= 2 * kTile + 3 * kTile / 4 + bar);

  const int64_t ink = count(panel, {40, 40, 40});
  record.clients[1].malicious = false;
  record.clients[1].accepted = true;
  const Picture calm = heat_map_panel(record);
  CHECK(count(calm, kRed) == 0);
  CHECK(count(calm, {40, 40, 40}) < ink - 1000);  // the dark field behind "REJECTED"
}

TEST_CASE("letters are drawn where they belong") {
  Picture picture{7, 12, std::vector<uint8_t>(7 * 12 * 3, 0)};
  draw_text(picture, 0, 0, "Lt", {255, 255, 255}, 1);
  std::string seen;
  for (size_t i = 0; i < 7 * 12; ++i) {
    seen += picture.pixels[i * 3] != 0 ? '#' : '.';
    if (i % 12 == 11) seen += '\n';
  }
  CHECK(seen ==
        "#.....#####.\n#.......#...\n#.......#...\n#.......#...\n#.......#...\n#.......#...\n"
        "#####...#...\n");
}
