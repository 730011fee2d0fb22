// FedCAMAE as released (variant "reference") from updates to verdict on small networks.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "core/ops.h"
#include "data/image_io.h"
#include "defense/heat_maps.h"
#include "tests/defense/server.h"
#include "tests/models/golden.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::Change;
using testing::make_defense;
using testing::Server;

// Small maps, a narrow code and few epochs: the published settings memorise what they should flag.
std::unique_ptr<Defense> fedcamae(const std::vector<Change>& changes = {}) {
  std::vector<Change> all = {{"variant", std::string("reference")},
                             {"size", int64_t{32}},
                             {"map_side", int64_t{8}},
                             {"hidden", std::vector<int64_t>{4}},
                             {"epochs", int64_t{60}},
                             {"lr", 1e-2},
                             {"k", 1.5},
                             {"vote", int64_t{1}}};
  all.insert(all.end(), changes.begin(), changes.end());
  return make_defense("fedcamae", all);
}

std::vector<ClientUpdate> seven_and_a_noisy_one(Server& server) {
  std::vector<ClientUpdate> updates;
  for (uint32_t i = 0; i < 8; ++i)
    updates.push_back(i == 5 ? server.noisy(3 * i, i) : server.honest(3 * i, i));
  return updates;
}

TEST_CASE("noise on every weight of a shallow network is flagged, honest clients are not") {
  Server server;
  const std::vector<ClientUpdate> updates = seven_and_a_noisy_one(server);
  const DefenseResult result = fedcamae()->aggregate(server.round(), updates);
  const Verdict& v = result.verdict;
  for (size_t i = 0; i < updates.size(); ++i) {
    CAPTURE(i);
    CHECK(v.accepted[i] == (i != 5));
    CHECK_FALSE(v.nonfinite[i]);
    CHECK((v.score[i] > v.threshold) == (i == 5));
  }
  std::vector<ClientUpdate> honest = updates;
  honest.erase(honest.begin() + 5);
  const ModelState mean = make_defense("mean")->aggregate(server.round(), honest).next;
  testing::check_same_bits(result.next.parameters, mean.parameters);
}

TEST_CASE("noise on every weight of a deep network overflows: not finite, and no detection") {
  Server server("tiny_resnet");
  std::vector<ClientUpdate> updates = {server.honest(0, 0), server.noisy(1, 1), server.honest(2, 2),
                                       server.honest(3, 3)};
  const std::vector<Change> changes = {{"size", int64_t{64}}, {"k", 1.2}};
  const DefenseResult result = fedcamae(changes)->aggregate(server.round(), updates);
  const Verdict& v = result.verdict;
  CHECK(ops::all_finite(updates[1].state.parameters));
  CHECK(v.nonfinite == std::vector<bool>{false, true, false, false});
  CHECK(v.accepted == std::vector<bool>{true, false, true, true});
  CHECK(std::isnan(v.score[1]));
  // It took no part: without it everything is the same.
  updates.erase(updates.begin() + 1);
  const Verdict without = fedcamae(changes)->aggregate(server.round(), updates).verdict;
  CHECK(without.threshold == v.threshold);
  CHECK(without.score == std::vector<double>{v.score[0], v.score[2], v.score[3]});
}

TEST_CASE("the verdict permutes with the ids to the last bit") {
  Server server;
  std::vector<ClientUpdate> updates = seven_and_a_noisy_one(server);
  updates[2] = server.not_finite(6);
  const std::vector<size_t> order = {5, 3, 7, 0, 6, 1, 4, 2};
  testing::check_permutes(
      server, [] { return fedcamae(); }, updates, order);
  testing::check_permutes(
      server,
      [] {
        return fedcamae({{"probes", int64_t{3}},
                         {"class", std::string("argmax")},
                         {"threshold", std::string("median_mad")}});
      },
      updates, order);
}

TEST_CASE("the same bits for any number of threads") {
  std::vector<DefenseResult> results;
  std::vector<std::unique_ptr<Server>> servers;  // results live in their contexts
  for (const int threads : {1, 3}) {
    servers.push_back(std::make_unique<Server>("small_cnn", 4, threads));
    Server& server = *servers.back();
    results.push_back(fedcamae()->aggregate(server.round(), seven_and_a_noisy_one(server)));
  }
  CHECK(results[0].verdict.score == results[1].verdict.score);
  CHECK(results[0].verdict.threshold == results[1].verdict.threshold);
  testing::check_same_bits(results[0].next.parameters, results[1].next.parameters);
}

TEST_CASE("a score is the mean over the probes of the maps' errors") {
  Server server;
  const std::vector<ClientUpdate> updates = seven_and_a_noisy_one(server);
  const Verdict v = fedcamae({{"probes", int64_t{2}}})->aggregate(server.round(), updates).verdict;
  Verdict all{.score = {},
              .threshold = 0,
              .accepted = std::vector<bool>(8, true),
              .nonfinite = std::vector<bool>(8, false)};
  const Probe probe = make_probe({.count = 2, .size = 32}, server.round());
  const HeatMaps maps = explain_updates({.side = 8}, server.round(), updates, probe, all);
  REQUIRE(maps.rows.size() == 16);
  const Reconstructions copies =
      reconstruct_maps(maps, {.hidden = {4}, .epochs = 60, .lr = 1e-2}, server.round());
  for (size_t u = 0; u < 8; ++u)
    CHECK(v.score[u] == (copies.errors[2 * u] + copies.errors[2 * u + 1]) / 2);
}

TEST_CASE("the class is the probe's label or each model's own arg-max") {
  Server server;
  const std::vector<ClientUpdate> updates = {server.honest(0, 0)};
  const Probe probe = make_probe({.count = 12, .size = 16}, server.round());
  Verdict verdict{.score = {}, .threshold = 0, .accepted = {true}, .nonfinite = {false}};
  const HeatMaps own =
      explain_updates({.own_class = true, .side = 4}, server.round(), updates, probe, verdict);
  const HeatMaps given = explain_updates({.side = 4}, server.round(), updates, probe, verdict);
  const std::vector<int32_t> top =
      ops::argmax_last(server.round().model.forward(probe.images).value());
  size_t different = 0;
  for (size_t p = 0; p < 12; ++p) {
    CHECK((own.rows[p].to_host() == given.rows[p].to_host()) == (top[p] == probe.labels[p]));
    different += top[p] != probe.labels[p] ? 1 : 0;
  }
  CHECK(different > 0);
}

TEST_CASE("pictures: maps, copies and the probe where asked for, NaN for what is not finite") {
  Server server;
  std::vector<ClientUpdate> updates = {server.honest(2, 0), server.not_finite(3),
                                       server.honest(5, 1)};
  const auto none = fedcamae()->aggregate(server.round(1, false, false), updates);
  CHECK_FALSE(none.heat_maps.has_value());
  const auto result =
      fedcamae({{"probes", int64_t{2}}})->aggregate(server.round(1, false, true), updates);
  REQUIRE(result.heat_maps.has_value());
  const HeatMapReport& r = *result.heat_maps;
  CHECK(r.side == 8);
  CHECK(r.probe_side == 32);
  const Probe probe = make_probe({.count = 2, .size = 32}, server.round());
  CHECK(r.probe == probe.picture);
  REQUIRE(r.maps.size() == 3 * 64);
  REQUIRE(r.reconstructions.size() == 3 * 64);
  for (size_t i = 0; i < 3 * 64; ++i) {
    const bool finite = i / 64 != 1;
    CHECK(std::isfinite(r.maps[i]) == finite);
    CHECK(std::isfinite(r.reconstructions[i]) == finite);
    if (finite) CHECK((r.maps[i] >= 0 && r.maps[i] <= 1));
  }
  // Rows are the maps of the first probe, in the order of the updates.
  Verdict v{.score = {},
            .threshold = 0,
            .accepted = {true, false, true},
            .nonfinite = {false, true, false}};
  const HeatMaps maps = explain_updates({.side = 8}, server.round(), updates, probe, v);
  CHECK(std::vector<float>(r.maps.begin() + 128, r.maps.end()) == maps.rows[4].to_host());
}

TEST_CASE("votes: two bad rounds of three exclude a client that is honest now") {
  for (const int64_t b : {1, 3}) {
    CAPTURE(b);
    Server server;
    // k so large that nothing but the finite check flags.
    const std::unique_ptr<Defense> defense = fedcamae({{"vote", b}, {"k", 1e3}});
    std::vector<bool> accepted;
    for (int64_t round = 1; round <= 5; ++round) {
      const std::vector<ClientUpdate> updates = {
          server.honest(0, 0), round <= 2 ? server.not_finite(4) : server.honest(4, 1),
          server.honest(7, 2)};
      const Verdict v = defense->aggregate(server.round(round), updates).verdict;
      CHECK(v.nonfinite[1] == (round <= 2));
      CHECK((v.accepted[0] && v.accepted[2]));
      accepted.push_back(v.accepted[1]);
    }
    CHECK(accepted == std::vector<bool>{false, false, b == 1, true, true});
  }
}

TEST_CASE("wrong options are errors before the first round") {
  const std::string path =
      (std::filesystem::temp_directory_path() / "fedcamae_test_probe.png").string();
  write_png(path, {2, 2, std::vector<uint8_t>(12, 90)});
  const auto kind_of = [](const std::vector<Change>& changes) {
    try {
      fedcamae(changes);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kUnexpected;
  };
  CHECK(kind_of({{"vote", int64_t{0}}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"class", std::string("both")}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"probe_image", path}}) == ErrorKind::kUsage);  // whose class is not known
  CHECK(kind_of({{"probe_image", path + ".none"}, {"probe_label", int64_t{1}}}) ==
        ErrorKind::kData);
  CHECK_NOTHROW(fedcamae({{"probe_image", path}, {"probe_label", int64_t{1}}}));
  CHECK_NOTHROW(fedcamae({{"probe_image", path}, {"class", std::string("argmax")}}));
  std::filesystem::remove(path);
}

TEST_CASE("what the model or the server's images do not have is an error before the first round") {
  Server server;  // 4 classes, 12 images
  const auto refusal = [&](const std::vector<Change>& changes) -> std::string {
    try {
      fedcamae(changes)->check_setup(server.round().model, server.data());
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kUsage);
      return error.what();
    }
    return "";
  };
  CHECK(refusal({}) == "");
  CHECK(refusal({{"layer", std::string("conv1")}, {"probes", int64_t{12}}}) == "");
  CHECK(refusal({{"layer", std::string("conv9")}}).find("small_cnn has no 'conv9'") !=
        std::string::npos);
  CHECK(refusal({{"probes", int64_t{13}}}).find("13 probe images of the server's 12") !=
        std::string::npos);
}

}  // namespace
}  // namespace fedcamae
