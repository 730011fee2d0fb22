// One round as the attack sees it: its window, its knowledge, whom it makes guilty.
#include <algorithm>
#include <atomic>
#include <limits>
#include <set>

#include "fl/setup.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

TEST_CASE("an attack sees what it declares and nothing more") {
  const Dataset dataset = tiny_dataset();
  const FederationSpec spec = tiny_spec();
  for (const bool own : {false, true})
    for (const bool hears : {false, true}) {
      CAPTURE(own);
      CAPTURE(hears);
      auto attack = std::make_unique<FakeAttack>();
      attack->own = own;
      attack->hears = hears;
      std::vector<std::vector<float>> overheard;
      std::vector<int64_t> attackers;
      int calls = 0;
      attack->work = [&](const AttackContext& context) {
        ++calls;
        CHECK(context.round == 1);
        CHECK(context.seed == spec.seed);
        CHECK(context.overheard.size() == (hears ? 4 : 0));
        CHECK(context.own.size() == (own ? 2 : 0));
        CHECK(context.entries.size() > 10);
        attackers.assign(context.attackers.begin(), context.attackers.end());
        for (const ModelState& state : context.overheard) overheard.push_back(numbers(state));
        for (const ModelState& state : context.own)
          CHECK(numbers(state) != numbers(context.global));
        return std::vector<ModelState>(2, context.global);
      };
      auto defense = looking([&](const RoundContext& round, FakeDefense::Updates updates) {
        size_t next = 0;
        for (const ClientUpdate& update : updates) {
          const bool guilty = std::binary_search(attackers.begin(), attackers.end(), update.client);
          CHECK((numbers(update.state) == numbers(round.global)) == guilty);
          if (!guilty && hears) CHECK(numbers(update.state) == overheard.at(next++));
        }
      });
      Federation federation(spec, dataset, std::move(attack), std::move(defense));
      int64_t trained = 0, total = 0;
      federation.run_round([&](int64_t done, int64_t of) {
        CHECK(done == ++trained);
        total = of;
      });
      CHECK(calls == 1);
      CHECK(attackers == federation.attackers());
      CHECK(trained == (own ? 6 : 4));
      CHECK(total == trained);
    }
}

TEST_CASE("only the attackers' labels are poisoned, and only where the attack is on") {
  Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.rounds = 3;
  spec.attack_start = spec.attack_stop = 2;
  spec.workers = 2;
  std::atomic<int> calls = 0;
  auto attack = std::make_unique<FakeAttack>();
  attack->own = true;
  std::vector<std::vector<int32_t>> seen(16);
  attack->labels = [&](std::vector<int32_t>& labels) {
    seen.at(static_cast<size_t>(calls++)) = labels;
    for (int32_t& label : labels) label = 0;
  };
  attack->work = [](const AttackContext& context) {
    return std::vector<ModelState>(context.own.begin(), context.own.end());
  };
  Federation federation(spec, dataset, std::move(attack), std::make_unique<FakeDefense>());
  const auto expected = [&](int64_t client) {
    std::vector<int32_t> labels;
    for (const int64_t i : federation.partition().shards[static_cast<size_t>(client)])
      labels.push_back(dataset.train.labels[static_cast<size_t>(i)]);
    return labels;
  };
  federation.run_round();
  CHECK(calls == 0);
  const RoundRecord record = federation.run_round();
  CHECK(calls == 2);
  std::set<std::vector<int32_t>> own;
  for (const int64_t client : federation.attackers()) own.insert(expected(client));
  CHECK(std::set<std::vector<int32_t>>{seen[0], seen[1]} == own);
  // Against the same federation with honest attackers.
  Federation twin(spec, dataset, nullptr, std::make_unique<FakeDefense>());
  twin.run_round();
  const RoundRecord clean = twin.run_round();
  for (size_t i = 0; i < record.clients.size(); ++i)
    CHECK((record.clients[i].loss == clean.clients[i].loss) != record.clients[i].malicious);
  federation.run_round();
  CHECK(calls == 2);
  CHECK(dataset.train.labels == tiny_dataset().train.labels);
}

TEST_CASE("who does not train claims a loss that is in the benign range and nobody else's") {
  const Dataset dataset = tiny_dataset();
  Federation federation(tiny_spec(), dataset, std::make_unique<FakeAttack>(),
                        std::make_unique<FakeDefense>());
  const RoundRecord record = federation.run_round();
  double low = std::numeric_limits<double>::infinity(), high = 0;
  std::set<double> claims;
  for (const ClientRecord& client : record.clients) {
    claims.insert(client.loss);
    if (client.malicious) continue;
    low = std::min(low, client.loss);
    high = std::max(high, client.loss);
  }
  CHECK(claims.size() == record.clients.size());
  CHECK(*claims.begin() == low);
  CHECK(*claims.rbegin() == high);
}

TEST_CASE("distances are measured where they are asked for") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  for (const bool asked : {false, true}) {
    spec.distances = asked;
    Federation federation(spec, dataset, std::make_unique<FakeAttack>(),
                          std::make_unique<FakeDefense>());
    for (const ClientRecord& client : federation.run_round().clients)
      CHECK((client.distance > 0) == asked);
  }
}

TEST_CASE("who uses images is given the attackers', and a model of the architecture") {
  const Dataset dataset = tiny_dataset();
  const FederationSpec spec = tiny_spec();
  for (const bool uses : {false, true}) {
    auto attack = std::make_unique<FakeAttack>();
    attack->images = uses;
    std::vector<int32_t> labels;
    std::vector<uint8_t> pixels;
    attack->work = [&](const AttackContext& context) {
      CHECK((context.images != nullptr) == uses);
      CHECK((context.model != nullptr) == uses);
      if (!uses) return std::vector<ModelState>(2, context.global);
      labels = context.images->labels;
      pixels = context.images->pixels;
      CHECK(context.normalization.mean == dataset.normalization.mean);
      CHECK(&context.model->context() == &context.context);
      CHECK(context.model->spec().arch == "small_cnn");
      return std::vector<ModelState>(2, context.global);
    };
    Federation federation(spec, dataset, std::move(attack), std::make_unique<FakeDefense>());
    federation.run_round();
    if (!uses) continue;
    std::vector<int64_t> own;
    for (const int64_t client : federation.attackers())
      for (const int64_t i : federation.partition().shards[static_cast<size_t>(client)])
        own.push_back(i);
    const ImageSet expected = dataset.train.subset(own);
    CHECK(labels == expected.labels);
    CHECK(pixels == expected.pixels);
  }
}

TEST_CASE("the attack's window: outside of it attackers are benign and train") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.rounds = 4;
  spec.attack_start = 2;
  for (const int64_t stop : {0, 3}) {
    spec.attack_stop = stop;
    Federation federation(spec, dataset, make_attack("noise"), std::make_unique<FakeDefense>());
    for (int64_t round = 1; round <= 4; ++round) {
      const bool on = round >= 2 && (stop == 0 || round <= stop);
      int64_t trained = 0;
      const RoundRecord record = federation.run_round([&](int64_t, int64_t) { ++trained; });
      CHECK(malicious(record) == (on ? federation.attackers() : std::vector<int64_t>{}));
      CHECK(trained == (on ? 4 : 6));
      CHECK(record.detection.fn == (on ? 2 : 0));
      CHECK(record.detection.tn == (on ? 4 : 6));
      CHECK(record.detection.tpr.has_value() == on);
    }
  }
}

TEST_CASE("nobody malicious: no attackers, a harmless attack, none of them in the sample") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  Federation harmless(spec, dataset, make_attack("none"), std::make_unique<FakeDefense>());
  const RoundRecord clean = harmless.run_round();
  CHECK(malicious(clean).empty());
  CHECK_FALSE(clean.detection.tpr.has_value());
  CHECK_FALSE(clean.detection.auc.has_value());
  CHECK(*clean.detection.fpr == 0);
  spec.attackers = 0;
  auto attack = std::make_unique<FakeAttack>();
  attack->work = [](const AttackContext&) -> std::vector<ModelState> {
    FAIL_CHECK("an attack without attackers");
    return {};
  };
  Federation empty(spec, dataset, std::move(attack), std::make_unique<FakeDefense>());
  CHECK(fingerprint(empty.run_round()) == fingerprint(clean));
  spec.attackers = 1;
  spec.fraction = 0.5;
  spec.rounds = 12;
  Federation sampled(spec, dataset, make_attack("noise"), std::make_unique<FakeDefense>());
  int with = 0;
  for (int64_t round = 1; round <= 12; ++round) {
    const RoundRecord record = sampled.run_round();
    CHECK(ids(record) == sample_clients(spec, round));
    const std::vector<int64_t> present = ids(record);
    const bool in = std::binary_search(present.begin(), present.end(), sampled.attackers()[0]);
    CHECK(malicious(record).size() == (in ? 1 : 0));
    with += in ? 1 : 0;
  }
  CHECK(with > 0);
  CHECK(with < 12);
}

TEST_CASE("an attack refuses classes that the data has not, before the first round") {
  const Dataset dataset = tiny_dataset();  // 4 classes
  const auto federation = [&](int64_t source, int64_t target) {
    Federation(
        tiny_spec(), dataset,
        make_attack("label_flip",
                    {{"mode", std::string("targeted")}, {"source", source}, {"target", target}}),
        std::make_unique<FakeDefense>());
  };
  check_error(ErrorKind::kUsage, "class 4 is not in the data", [&] { federation(4, 1); });
  check_error(ErrorKind::kUsage, "class 7 is not in the data", [&] { federation(1, 7); });
  CHECK_NOTHROW(federation(3, 0));
}

TEST_CASE("only attackers: who overhears hears nobody") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.attackers = 6;
  for (const AttackInfo& info : attacks()) {
    if (info.name == "none") continue;
    CAPTURE(info.name);
    Federation federation(spec, dataset, make_attack(info.name), std::make_unique<FakeDefense>());
    const RoundRecord record = federation.run_round();
    CHECK(malicious(record).size() == 6);
    CHECK_FALSE(record.detection.fpr.has_value());
  }
}

}  // namespace fedcamae
