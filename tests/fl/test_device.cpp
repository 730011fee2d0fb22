// A federated run on the device under test, with two workers on it, against the same run on the
// CPU.
#include <cmath>

#include "defense/registry.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

// Relative. Float32 rounds elsewhere on the device, and a few steps of Adam multiply the
// difference; what is compared are means and distances over whole models.
constexpr double kLoss = 1e-3;
constexpr double kScore = 1e-2;
constexpr int64_t kTest = 40;  // test images, of which one may change sides

std::unique_ptr<Defense> make_defense(const std::string& name,
                                      const std::vector<Setting>& settings) {
  for (const DefenseInfo& info : defenses()) {
    if (info.name != name) continue;
    Options options(info.options);
    for (const Setting& setting : settings) options.set(setting.name, setting.value);
    return info.make(options);
  }
  FAIL("no defense " << name);
  return nullptr;
}

struct Run {
  std::vector<RoundRecord> rounds;
  std::vector<float> statistics;
};

Run run_on(const Device& device, const std::string& defense, const std::vector<Setting>& settings) {
  const Dataset dataset = tiny_dataset(60, kTest);
  FederationSpec spec = tiny_spec();
  spec.device = device;
  spec.workers = 2;
  spec.clients = 4;
  spec.attackers = 1;
  spec.rounds = 2;
  spec.pictures_every = 1;
  Federation federation(spec, dataset, make_attack("noise"), make_defense(defense, settings));
  Run run;
  for (int64_t round = 0; round < spec.rounds; ++round)
    run.rounds.push_back(federation.run_round());
  run.statistics = federation.global_model().statistics().to_host();
  return run;
}

void check_near(double a, double b, double tolerance) {
  CAPTURE(a);
  CAPTURE(b);
  CHECK(std::isnan(a) == std::isnan(b));
  if (!std::isnan(b)) CHECK(std::abs(a - b) <= tolerance * std::abs(b));
}

void check_same_run(const std::string& defense, const std::vector<Setting>& settings) {
  CAPTURE(defense);
  const Run device = run_on(device_options(1).device, defense, settings);
  const Run cpu = run_on(cpu_options(1).device, defense, settings);
  for (size_t r = 0; r < cpu.rounds.size(); ++r) {
    CAPTURE(r);
    const RoundRecord &a = device.rounds[r], &b = cpu.rounds[r];
    CHECK(std::abs(a.accuracy.value() - b.accuracy.value()) <= 1.0 / kTest);
    check_near(a.loss.value(), b.loss.value(), kLoss);
    check_near(a.threshold, b.threshold, kScore);
    CHECK(a.heat_maps.has_value() == b.heat_maps.has_value());
    CHECK(malicious(a) == malicious(b));
    for (size_t i = 0; i < b.clients.size(); ++i) {
      CAPTURE(i);
      CHECK(a.clients[i].client == b.clients[i].client);
      CHECK(a.clients[i].accepted == b.clients[i].accepted);
      CHECK(a.clients[i].nonfinite == b.clients[i].nonfinite);
      check_near(a.clients[i].loss, b.clients[i].loss, kLoss);
      check_near(a.clients[i].score, b.clients[i].score, kScore);
    }
    CHECK(a.detection.auc == b.detection.auc);
  }
}

}  // namespace

TEST_CASE("a federated run on the device has the CPU's losses, scores and verdicts") {
  if (skip_on_cpu()) return;
  check_same_run("trimmed_mean", {{"f", int64_t{1}}});
  check_same_run("multi_krum", {{"f", int64_t{1}}});
  check_same_run("dnc", {{"f", int64_t{1}}});
  check_same_run("flame", {});
  check_same_run("fedcamae", {{"variant", std::string("reference")},
                              {"size", int64_t{16}},
                              {"map_side", int64_t{8}},
                              {"hidden", std::vector<int64_t>{8}},
                              {"epochs", int64_t{20}},
                              {"vote", int64_t{1}}});
  check_same_run("krum", {{"f", int64_t{1}}});
  check_same_run("geometric_median", {});
  check_same_run("norm_clipping", {});
  check_same_run("centred_clipping", {});
  check_same_run("fltrust", {{"epochs", int64_t{2}}});
  check_same_run("foolsgold", {});
  check_same_run("sign_guard", {});
  check_same_run("faa_dl", {});
}

TEST_CASE("a federated run on the device gives the same bits with one worker and with two") {
  if (skip_on_cpu()) return;  // there test_federation compares the workers
  const Dataset dataset = tiny_dataset(60, kTest);
  std::vector<std::string> prints;
  for (const int workers : {1, 2}) {
    FederationSpec spec = tiny_spec();
    spec.workers = workers;
    Federation federation(spec, dataset, make_attack("gae"), std::make_unique<FakeDefense>());
    prints.push_back(fingerprint(federation.run_round()));
  }
  CHECK(prints[0] == prints[1]);
}

}  // namespace fedcamae
