// One round as the defense sees it, and the policies of its verdict.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops.h"
#include "fl/setup.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

TEST_CASE("the defense sees the updates sorted by id, with the server's images and the settings") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.partition = "quantity";
  spec.workers = 2;
  for (const bool weighted : {false, true}) {
    spec.weighted = weighted;
    int calls = 0;
    const Partition* partition = nullptr;
    auto defense = looking([&](const RoundContext& round, FakeDefense::Updates updates) {
      ++calls;
      CHECK(round.round == 1);
      CHECK(round.seed == spec.seed);
      CHECK(round.weighted == weighted);
      CHECK_FALSE(round.want_pictures);
      CHECK_FALSE(round.model.training());
      const Split split = split_images(spec, dataset);
      CHECK(round.server.images.pixels == dataset.train.subset(split.server).pixels);
      CHECK(round.server.images.labels == dataset.train.subset(split.server).labels);
      CHECK(round.server.classes == 4);
      CHECK(round.server.normalization.mean == dataset.normalization.mean);
      REQUIRE(updates.size() == 6);
      for (size_t i = 0; i < updates.size(); ++i) {
        CHECK(updates[i].client == static_cast<int64_t>(i));
        CHECK(updates[i].samples == static_cast<int64_t>(partition->shards[i].size()));
        CHECK(std::isfinite(updates[i].loss));
      }
    });
    Federation federation(spec, dataset, make_attack("noise"), std::move(defense));
    partition = &federation.partition();
    const RoundRecord record = federation.run_round();
    CHECK(calls == 1);
    CHECK(ids(record) == std::vector<int64_t>{0, 1, 2, 3, 4, 5});
    CHECK(malicious(record) == federation.attackers());
    for (const ClientRecord& client : record.clients)
      CHECK(client.samples ==
            static_cast<int64_t>(partition->shards[static_cast<size_t>(client.client)].size()));
  }
}

TEST_CASE("server, shards and test: no image is in two places") {
  const Dataset dataset = tiny_dataset(200, 40);
  FederationSpec spec = tiny_spec();
  spec.train_images = 150;
  for (const char* type : {"iid", "dirichlet", "shards", "quantity"}) {
    spec.partition = type;
    const Federation federation(spec, dataset, nullptr, std::make_unique<FakeDefense>());
    const Split split = split_images(spec, dataset);
    std::vector<int64_t> all = split.server;
    for (const auto& shard : federation.partition().shards)
      all.insert(all.end(), shard.begin(), shard.end());
    CHECK(all.size() == 158);
    std::sort(all.begin(), all.end());
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  }
}

TEST_CASE("everybody rejected keeps the old model; the truth meets the verdict in the record") {
  const Dataset dataset = tiny_dataset();
  auto defense =
      changing([](const RoundContext& round, FakeDefense::Updates updates, DefenseResult& result) {
        result.next = round.global;
        result.verdict.accepted.assign(updates.size(), false);
        result.verdict.threshold = 0.5;
      });
  Federation federation(tiny_spec(), dataset, make_attack("noise"), std::move(defense));
  const std::vector<float> before = numbers(federation.global_model().state());
  const RoundRecord record = federation.run_round();
  CHECK(numbers(federation.global_model().state()) == before);
  CHECK(record.threshold == 0.5);
  CHECK(record.detection.tp == 2);
  CHECK(record.detection.fp == 4);
  CHECK(*record.detection.auc == 1.0);  // noise of U(1, 2) is far away
  for (const ClientRecord& client : record.clients) CHECK_FALSE(client.accepted);
}

TEST_CASE("what is not finite reaches the defense as it is; a broken global model is no error") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.rounds = 2;
  auto attack = std::make_unique<FakeAttack>();
  attack->work = [](const AttackContext& context) {
    std::vector<ModelState> states;
    for (size_t i = 0; i < context.attackers.size(); ++i) {
      states.push_back(context.global.clone());
      ops::fill_(states.back().parameters, std::numeric_limits<float>::quiet_NaN());
    }
    return states;
  };
  auto defense =
      changing([](const RoundContext& round, FakeDefense::Updates updates, DefenseResult& result) {
        for (size_t i = 0; i < updates.size(); ++i)
          result.verdict.nonfinite[i] = !ops::all_finite(updates[i].state.parameters);
        if (round.round == 1) result.next = round.global;
      });
  Federation federation(spec, dataset, std::move(attack), std::move(defense));
  const RoundRecord record = federation.run_round();
  CHECK(record.detection.nonfinite == 2);
  CHECK(record.detection.tn == 4);
  CHECK(record.detection.tp + record.detection.fp + record.detection.fn == 0);
  for (const ClientRecord& client : record.clients) CHECK(client.nonfinite == client.malicious);
  const RoundRecord broken = federation.run_round();
  CHECK(std::isnan(broken.loss.value()));
  CHECK_FALSE(ops::all_finite(federation.global_model().parameters()));
}

TEST_CASE("a shard of one image trains nothing and returns what it was sent") {
  const Dataset dataset = tiny_dataset(9, 20);
  FederationSpec spec = tiny_spec();
  spec.server_images = 2;
  spec.attackers = 0;  // seven images for six clients: one of them has two
  auto defense = looking([](const RoundContext& round, FakeDefense::Updates updates) {
    for (const ClientUpdate& update : updates) {
      CHECK((numbers(update.state) == numbers(round.global)) == (update.samples < 2));
      CHECK(std::isnan(update.loss) == (update.samples < 2));
    }
    CHECK(std::count_if(updates.begin(), updates.end(),
                        [](const ClientUpdate& u) { return u.samples == 2; }) == 1);
  });
  Federation federation(spec, dataset, nullptr, std::move(defense));
  CHECK(federation.run_round().clients.size() == 6);
}

TEST_CASE("the next global model is the server's own copy") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.rounds = 2;
  std::vector<float> sent;
  auto defense =
      changing([&](const RoundContext& round, FakeDefense::Updates updates, DefenseResult& result) {
        if (round.round == 2) {
          ops::fill_(round.model.parameters(), 0);  // scratch: its state may be overwritten
          CHECK(numbers(round.global) == sent);
          return;
        }
        round.model.set_state(updates[0].state);
        sent = numbers(updates[0].state);
        result.next = {round.model.parameters(), round.model.statistics(), round.model.counters()};
      });
  Federation federation(spec, dataset, nullptr, std::move(defense));
  federation.run_round();
  CHECK(numbers(federation.global_model().state()) == sent);
  federation.run_round();
}

}  // namespace fedcamae
