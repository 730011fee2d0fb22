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
  record.clients = {{0, 10, 1.5, 0.1, true, false, false}, {4, 20, kNaN, kNaN, false, true, true}};
  record.detection.tp = 1;
  record.detection.tpr = 1.0;
  return record;
}

bool same(const uint8_t* pixel, int r, int g, int b) {
  return pixel[0] == r && pixel[1] == g && pixel[2] == b;
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
  CHECK(clients[0] == "round,client,samples,loss,score,threshold,accepted,malicious");
  CHECK(clients[1] == "3,0,10,1.5,0.1,0.25,1,0");
  CHECK(clients[2] == "3,4,20,,,0.25,0,1");
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

TEST_CASE("the panel frames malicious clients and crosses out rejected ones") {
  RoundRecord record = example();
  HeatMapReport maps;
  maps.side = 2;
  maps.maps = {0, 0, 0, 0, 1, 1, 1, 1};
  maps.reconstructions = {0, 0, 0, 0, 0, 0, 0, 0};
  maps.probe_side = 1;
  maps.probe = {0, 1, 0};
  record.heat_maps = maps;
  const Picture panel = heat_map_panel(record);
  CHECK(panel.width > 3 * 64);
  CHECK(panel.height > 2 * 64);
  CHECK(panel.pixels.size() == static_cast<size_t>(panel.width * panel.height * 3));
  int64_t green = 0, red = 0, grey = 0, low = 0, high = 0;
  uint8_t low_rgb[3], high_rgb[3];
  jet(0, low_rgb);
  jet(1, high_rgb);
  for (size_t i = 0; i < panel.pixels.size(); i += 3) {
    const uint8_t* pixel = &panel.pixels[i];
    green += same(pixel, 0, 255, 0) ? 1 : 0;
    red += same(pixel, 214, 30, 30) ? 1 : 0;
    grey += same(pixel, 190, 190, 190) ? 1 : 0;
    low += same(pixel, low_rgb[0], low_rgb[1], low_rgb[2]) ? 1 : 0;
    high += same(pixel, high_rgb[0], high_rgb[1], high_rgb[2]) ? 1 : 0;
  }
  CHECK(green == 96 * 96);  // the probe, one tile
  CHECK(red > 900);         // one frame and a number
  CHECK(grey > 900);
  CHECK(low > 96 * 96 * 2);  // the honest client's two tiles, and most of a third
  CHECK(high > 96 * 96 / 2);
  CHECK(high < 96 * 96);  // crossed out

  record.clients[1].malicious = false;
  record.clients[1].accepted = true;
  const Picture calm = heat_map_panel(record);
  int64_t calm_red = 0;
  for (size_t i = 0; i < calm.pixels.size(); i += 3)
    calm_red += same(&calm.pixels[i], 214, 30, 30) ? 1 : 0;
  CHECK(calm_red == 0);
}

TEST_CASE("letters are drawn where they belong") {
  Picture picture{5, 4, std::vector<uint8_t>(5 * 4 * 3, 0)};
  draw_text(picture, 0, 0, "L", {255, 255, 255}, 1);
  std::string seen;
  for (size_t i = 0; i < 20; ++i) {
    seen += picture.pixels[i * 3] != 0 ? '#' : '.';
    if (i % 4 == 3) seen += '\n';
  }
  CHECK(seen == "#...\n#...\n#...\n#...\n###.\n");
}
