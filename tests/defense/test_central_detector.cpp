// FedCAMAE's own variant from updates to verdict on a small network.
#include "defense/central_detector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/ops.h"
#include "defense/aggregate.h"
#include "defense/evidence.h"
#include "layers/optimizer.h"
#include "models/layer_cam.h"
#include "models/training_step.h"
#include "tests/defense/server.h"
#include "tests/support/compare.h"

namespace fedcamae {
namespace {

using testing::Change;
using testing::make_defense;
using testing::Server;
using Texts = std::vector<std::string>;

std::unique_ptr<Defense> fedcamae(const std::vector<Change>& changes = {}) {
  std::vector<Change> all = {{"epochs", int64_t{40}}, {"vote", int64_t{1}}};
  all.insert(all.end(), changes.begin(), changes.end());
  return make_defense("fedcamae", all);
}

std::vector<ClientUpdate> honest_ones(Server& server, int64_t count) {
  std::vector<ClientUpdate> updates;
  for (int64_t i = 0; i < count; ++i)
    updates.push_back(server.honest(3 * i, static_cast<uint32_t>(i)));
  return updates;
}

std::vector<size_t> flagged(const Verdict& v) {
  std::vector<size_t> who;
  for (size_t i = 0; i < v.score.size(); ++i)
    if (v.score[i] > v.threshold) who.push_back(i);
  return who;
}

// `from` after some steps on nine of the server's twelve images, other ones for each client.
ClientUpdate trained(Server& server, const ModelState& from, int64_t client, int steps) {
  const Probe some = make_probe({.count = 9, .size = 16}, server.round(client + 1));
  const IndexTensor labels = IndexTensor::from(server.context(), some.labels);
  Model& model = server.round().model;
  model.set_state(from);
  model.set_training(true);
  Optimizer optimizer({.type = "sgd"}, model.parameters(), model.gradients());
  for (int step = 0; step < steps; ++step)
    training_step(model, some.images, labels, 0, optimizer, 0.05);
  model.set_training(false);
  ClientUpdate update{client, model.state(), 10, 0.5};
  model.set_state(server.global());
  return update;
}

TEST_CASE("the evidence: LayerCAM's maps of the probes' labels, the scores of their classes") {
  Server server;
  ServerData some = server.data();
  some.images = some.images.subset({0, 1, 3, 4, 5, 7});  // of the classes 0, 1 and 3 alone
  const RoundContext base = server.round();
  const RoundContext round{1, base.seed, base.global, base.model, some, false, false};
  const Probe probe = make_probe({.count = 0, .size = 16}, round);
  Model& model = round.model;
  const Evidence e = evidence_of(model, probe, model.default_layer());
  REQUIRE(e.probes == 6);
  REQUIRE(e.classes == 3);
  CHECK(e.finite);
  CHECK(e.mirrored.empty());
  const std::vector<float> logits = model.forward(probe.images).value().to_host();
  REQUIRE(e.scores.size() == 6 * 3);
  const std::vector<size_t> classes = {0, 1, 3};
  for (size_t p = 0; p < 6; ++p) {
    CHECK(classes[e.label[p]] == static_cast<size_t>(probe.labels[p]));
    for (size_t c = 0; c < 3; ++c)
      CHECK(e.scores[3 * p + c] == static_cast<double>(logits[4 * p + classes[c]]));
  }
  const std::vector<float> raw =
      layer_cam(model, probe.images, model.default_layer(), probe.labels).raw.to_host();
  CHECK(e.heat == Row(raw.begin(), raw.end()));
  CHECK(e.heat.size() == 6 * e.side * e.side);
}

TEST_CASE("the mirror image: as far the other way, with the update's own statistics") {
  Server server;
  const std::vector<ClientUpdate> updates = honest_ones(server, 2);
  const RoundContext round = server.round();
  const Probe probe = make_probe({.count = 0, .size = 16}, round);
  Verdict verdict = accept_finite(updates);
  const std::string layer = round.model.default_layer();
  const std::vector<Evidence> all = evidence_of_round(round, updates, probe, layer, true, verdict);
  REQUIRE(all.size() == 3);
  ModelState mirror = updates[1].state;
  const std::vector<float> from = server.global().parameters.to_host(),
                           to = mirror.parameters.to_host();
  std::vector<float> turned;
  for (size_t i = 0; i < to.size(); ++i) turned.push_back(2 * from[i] - to[i]);
  mirror.parameters = Tensor::from(round.model.context(), mirror.parameters.shape(), turned);
  const BorrowedState borrowed(round.model, mirror);
  CHECK(all[1].mirrored == evidence_of(round.model, probe, layer).scores);
  CHECK(all[2].mirrored.empty());  // the global model's is itself
}

TEST_CASE("the layer of the maps: the last in which they are four pixels wide") {
  const auto layer_at = [](const char* arch, int64_t size) {
    Server server(arch);
    return inner_layer(server.round().model,
                       make_probe({.count = 2, .size = size}, server.round()).images);
  };
  CHECK(layer_at("small_cnn", 16) == "conv3");    // 4 x 4
  CHECK(layer_at("small_cnn", 8) == "conv2");     // conv3 has 2 x 2
  CHECK(layer_at("tiny_resnet", 8) == "layer4");  // none is so wide: the default
}

TEST_CASE("noise on every weight is flagged, honest clients are not") {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 9);
  updates[5] = server.noisy(15, 5);
  const DefenseResult result = fedcamae()->aggregate(server.round(), updates);
  CHECK(flagged(result.verdict) == std::vector<size_t>{5});
  CHECK(result.verdict.threshold == 1);
  std::vector<ClientUpdate> honest = updates;
  honest.erase(honest.begin() + 5);
  const ModelState mean = make_defense("mean")->aggregate(server.round(), honest).next;
  testing::check_same_bits(result.next.parameters, mean.parameters);
}

TEST_CASE("a crowd of copies is flagged by channel twins and by nothing else") {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 9);
  for (const size_t copy : {2u, 4u, 7u}) updates[copy].state = server.honest(0, 50).state;
  CHECK(flagged(
            fedcamae({{"channels", Texts{"twins"}}})->aggregate(server.round(), updates).verdict) ==
        std::vector<size_t>{2, 4, 7});
  CHECK(flagged(fedcamae({{"channels", Texts{"heat"}}})->aggregate(server.round(), updates).verdict)
            .empty());
}

TEST_CASE("probes of one class alone: nobody is a twin or a copy of anybody") {
  Server server;
  ServerData one = server.data();
  one.images = one.images.subset({0, 4, 8});
  const RoundContext base = server.round();
  const RoundContext round{1, base.seed, base.global, base.model, one, false, false};
  const std::vector<ClientUpdate> updates = honest_ones(server, 9);
  const Verdict v =
      fedcamae({{"channels", Texts{"twins", "heat"}}})->aggregate(round, updates).verdict;
  CHECK(v.score ==
        fedcamae({{"channels", Texts{"heat"}}})->aggregate(round, updates).verdict.score);
  CHECK(flagged(v).empty());
}

TEST_CASE("who has moved four times as far as the median is flagged by channel length") {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 7);
  const Tensor far = updates[2].state.parameters.clone();
  ops::axpy_(-1, server.global().parameters, far);
  ops::scale_(4, far);
  ops::axpy_(1, server.global().parameters, far);
  updates[2].state.parameters = far;
  CHECK(
      flagged(
          fedcamae({{"channels", Texts{"length"}}})->aggregate(server.round(), updates).verdict) ==
      std::vector<size_t>{2});
}

TEST_CASE("who uploads the mirror image of an honest update is flagged by channel agreement" *
          doctest::test_suite("cpu_only")) {
  Server server;
  const ModelState taught = trained(server, server.global(), 20, 60).state;
  std::vector<ClientUpdate> updates;
  for (int64_t i = 0; i < 7; ++i) updates.push_back(trained(server, taught, i, 40));
  const Tensor turned = updates[4].state.parameters.clone();
  ops::scale_(-1, turned);
  ops::axpy_(2, taught.parameters, turned);
  updates[4].state.parameters = turned;
  const auto agreement = [] { return fedcamae({{"channels", Texts{"agreement"}}}); };
  CHECK(flagged(agreement()->aggregate(server.round_from(taught), updates).verdict) ==
        std::vector<size_t>{4});
  // From a global model that knows nothing nobody is.
  CHECK(flagged(agreement()->aggregate(server.round(), updates).verdict).empty());
}

TEST_CASE("each channel can be asked alone, and the score is the largest of them" *
          doctest::test_suite("cpu_only")) {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 8);
  updates[3] = server.noisy(9, 3);
  std::vector<double> largest(8, -1e9);
  for (const std::string& channel : central_channels()) {
    const Verdict v =
        fedcamae({{"channels", Texts{channel}}})->aggregate(server.round(), updates).verdict;
    for (size_t i = 0; i < 8; ++i) largest[i] = std::max(largest[i], v.score[i]);
  }
  // Voices come from channel twins, which nothing here moves.
  CHECK(fedcamae()->aggregate(server.round(), updates).verdict.score == largest);
}

TEST_CASE("the verdict permutes with the ids to the last bit, copies and what is not finite too" *
          doctest::test_suite("cpu_only")) {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 8);
  updates[2] = server.not_finite(6);
  updates[4].state = updates[1].state;
  updates[5] = server.noisy(15, 5);
  testing::check_permutes(server, [] { return fedcamae(); }, updates, {5, 3, 7, 0, 6, 1, 4, 2});
}

TEST_CASE("nearly copies are one voice, whoever comes first" * doctest::test_suite("cpu_only")) {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 12);
  for (size_t i = 6; i < 12; ++i) {
    updates[i].state = updates[i - 6].state.clone();
    ops::scale_(1.0001f, updates[i].state.parameters);
  }
  testing::check_permutes(server,
                          [] {
                            return fedcamae({{"twins_k", 0.0}, {"twins_ratio", 1.001}});
                          },
                          updates, {6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5});
}

TEST_CASE("an update that is not finite takes no part; nor does a global model that is not") {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 7);
  updates[3] = server.not_finite(9);
  const Verdict v = fedcamae()->aggregate(server.round(), updates).verdict;
  CHECK(v.nonfinite[3]);
  CHECK_FALSE(v.accepted[3]);
  CHECK(std::isnan(v.score[3]));
  updates.erase(updates.begin() + 3);
  const Verdict without = fedcamae()->aggregate(server.round(), updates).verdict;
  for (size_t i = 0; i < 6; ++i) CHECK(without.score[i] == v.score[i < 3 ? i : i + 1]);

  const ModelState broken = server.not_finite(0).state;
  const RoundContext round = server.round();
  const Verdict left =
      fedcamae()
          ->aggregate({1, round.seed, broken, round.model, round.server, false, false}, updates)
          .verdict;
  for (size_t i = 0; i < 6; ++i) CHECK(std::isfinite(left.score[i]));  // channel shape is left
}

TEST_CASE("finite weights whose activations overflow are not finite, and no detection") {
  Server server("tiny_resnet");
  std::vector<ClientUpdate> updates = honest_ones(server, 4);
  updates[1] = server.noisy(3, 1);
  const Verdict v = fedcamae({{"size", int64_t{64}}})->aggregate(server.round(), updates).verdict;
  CHECK(v.nonfinite == std::vector<bool>{false, true, false, false});
  CHECK_FALSE(v.accepted[1]);
  CHECK(std::isnan(v.score[1]));
}

TEST_CASE("few updates, and updates that changed nothing, are accepted" *
          doctest::test_suite("cpu_only")) {
  Server server;
  for (const int64_t n : {1, 2, 3}) {
    const Verdict v = fedcamae()->aggregate(server.round(), honest_ones(server, n)).verdict;
    CHECK(v.accepted.size() == static_cast<size_t>(n));
    if (n < 3) CHECK(flagged(v).empty());
  }
  std::vector<ClientUpdate> same = honest_ones(server, 5);
  for (ClientUpdate& update : same) update.state = server.global().clone();
  const Verdict v = fedcamae()->aggregate(server.round(), same).verdict;
  CHECK(v.accepted == std::vector<bool>(5, true));
}

TEST_CASE("pictures: maps and reconstructions of the first probe, at the layer's resolution") {
  Server server;
  std::vector<ClientUpdate> updates = honest_ones(server, 5);
  updates[1] = server.not_finite(3);
  const auto r = fedcamae()->aggregate(server.round(1, false, true), updates).heat_maps.value();
  CHECK(r.side == 4);  // 16 pixels through two poolings
  REQUIRE(r.maps.size() == 5 * 16);
  REQUIRE(r.reconstructions.size() == 5 * 16);
  for (size_t i = 0; i < 5 * 16; ++i) {
    CHECK(std::isfinite(r.maps[i]) == (i / 16 != 1));
    CHECK(std::isfinite(r.reconstructions[i]) == (i / 16 != 1));
    if (i / 16 != 1) CHECK((r.maps[i] >= 0 && r.maps[i] <= 1));
  }
  CHECK(*std::max_element(r.maps.begin(), r.maps.begin() + 16) == 1);
}

TEST_CASE("the same bits for any number of threads") {
  std::vector<std::vector<double>> scores;
  for (const int threads : {1, 3}) {
    Server server("small_cnn", 4, threads);
    scores.push_back(fedcamae()->aggregate(server.round(), honest_ones(server, 8)).verdict.score);
  }
  CHECK(scores[0] == scores[1]);
}

TEST_CASE("options of the other variant, and channels that are not, are errors") {
  const auto kind_of = [](const std::vector<Change>& changes) {
    try {
      make_defense("fedcamae", changes);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kUnexpected;
  };
  CHECK(kind_of({{"class", std::string("argmax")}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"map_side", int64_t{28}}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"threshold", std::string("mean_std")}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"hidden", std::vector<int64_t>{8, 4}}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"channels", Texts{}}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"channels", Texts{"shapes"}}}) == ErrorKind::kUsage);
  CHECK(kind_of({{"variant", std::string("released")}}) == ErrorKind::kUsage);
  CHECK_NOTHROW(make_defense("fedcamae", {{"hidden", std::vector<int64_t>{8}}}));
}

}  // namespace
}  // namespace fedcamae
