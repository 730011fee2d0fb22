// Whole federations: the same bits however the work is spread, and what a run means.
#include "fl/federation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

struct Outcome {
  std::vector<float> global;
  std::string records;
  bool operator==(const Outcome&) const = default;
};

Outcome run(const FederationSpec& spec, const Dataset& dataset, const std::string& attack) {
  Federation federation(spec, dataset, make_attack(attack), std::make_unique<FakeDefense>());
  Outcome outcome;
  for (int64_t round = 0; round < spec.rounds; ++round)
    outcome.records += fingerprint(federation.run_round());
  outcome.global = numbers(federation.global_model().state());
  return outcome;
}

// Everything that could depend on who computes what when: shards of different sizes, a sample of
// the clients, crops and flips, more than one batch of test images.
FederationSpec mixed_spec() {
  FederationSpec spec = tiny_spec();
  spec.rounds = 3;
  spec.fraction = 0.7;
  spec.epochs = 2;
  spec.batch = 16;
  spec.augment = {.crop_padding = 2, .flip_probability = 0.5};
  spec.partition = "quantity";
  spec.schedule = {.type = "cosine"};
  return spec;
}

}  // namespace

// On the CPU alone, for the fake GPU's sake: fl/test_device has workers on a GPU.
TEST_CASE("the same bits for any number of workers and threads" * doctest::test_suite("cpu_only")) {
  const Dataset dataset = tiny_dataset(150, 300);
  using Spread = std::pair<int, int>;  // workers, threads
  const auto check_spreads = [&](const std::string& attack, const std::vector<Spread>& spreads) {
    CAPTURE(attack);
    FederationSpec spec = mixed_spec();
    const Outcome one = run(spec, dataset, attack);
    for (const Spread& spread : spreads) {
      spec.workers = spread.first;
      spec.threads = spread.second;
      CAPTURE(spec.workers);
      CAPTURE(spec.threads);
      const Outcome other = run(spec, dataset, attack);
      CHECK(other.records == one.records);
      CHECK(other.global == one.global);
    }
  };
  check_spreads("gae", {{2, 1}, {1, 2}, {3, 2}});
  for (const AttackInfo& info : attacks())
    if (info.name != "gae") check_spreads(info.name, {{3, 1}});
}

TEST_CASE("bf16: rounds with every client's numbers finite, the same bits, other than float32's") {
  const Dataset dataset = tiny_dataset(150, 60);
  FederationSpec spec = mixed_spec();
  const Outcome exact = run(spec, dataset, "none");
  spec.precision = Precision::kBf16;
  const Outcome one = run(spec, dataset, "none");
  CHECK(one.global != exact.global);
  CHECK(
      std::all_of(one.global.begin(), one.global.end(), [](float v) { return std::isfinite(v); }));
  spec.workers = 2;
  spec.threads = 3;
  CHECK(run(spec, dataset, "none") == one);
}

TEST_CASE("the same seed, the same bits; another seed, other bits") {
  const Dataset dataset = tiny_dataset(150, 60);
  FederationSpec spec = mixed_spec();
  const Outcome first = run(spec, dataset, "noise");
  CHECK(run(spec, dataset, "noise") == first);
  spec.seed = 4;
  const Outcome other = run(spec, dataset, "noise");
  CHECK(other.records != first.records);
  CHECK(other.global != first.global);
}

TEST_CASE("one client and the mean of one: central training, bit for bit") {
  const Dataset dataset = tiny_dataset(70, 40);
  FederationSpec spec = tiny_spec();
  spec.clients = 1;
  spec.attackers = 0;
  spec.server_images = 0;
  spec.epochs = 2;
  spec.rounds = 2;
  spec.augment = {.crop_padding = 1, .flip_probability = 0.5};
  Federation federation(spec, dataset, nullptr, std::make_unique<FakeDefense>());

  Context context(device_options(1));
  Model model(spec.model, context);
  model.initialize(spec.seed);
  CHECK(numbers(federation.global_model().state()) == numbers(model.state()));
  for (uint32_t round = 1; round <= 2; ++round) {
    const RoundRecord record = federation.run_round();
    BatchLoader loader(dataset.train, federation.partition().shards[0],
                       {.batch = spec.batch,
                        .augment = spec.augment,
                        .normalization = dataset.normalization,
                        .seed = spec.seed,
                        .round = round,
                        .client = 0},
                       context);
    const double loss = train(model, loader, {.optimizer = spec.optimizer, .steps = 18});
    CHECK(record.clients[0].loss == loss);
    CHECK(numbers(federation.global_model().state()) == numbers(model.state()));
    std::vector<int64_t> test(40);
    for (size_t i = 0; i < test.size(); ++i) test[i] = static_cast<int64_t>(i);
    const Evaluation e = evaluate(model, dataset.test, test, dataset.normalization);
    CHECK(record.accuracy == e.accuracy);
    CHECK(record.loss == e.loss);
  }
  check_error(ErrorKind::kUnexpected, "all 2 rounds", [&] { federation.run_round(); });
}

// On the CPU alone, for the fake GPU's sake: many rounds.
TEST_CASE("a federation learns, and noise undoes it" * doctest::test_suite("cpu_only")) {
  const Dataset dataset = tiny_dataset(300, 80);
  FederationSpec spec = tiny_spec();
  spec.rounds = 4;
  spec.epochs = 2;
  const auto last_accuracy = [&](const char* attack) {
    Federation federation(spec, dataset, make_attack(attack), std::make_unique<FakeDefense>());
    double accuracy = 0;
    for (int64_t round = 0; round < spec.rounds; ++round)
      accuracy = federation.run_round().accuracy.value();
    return accuracy;
  };
  CHECK(last_accuracy("none") > 0.8);  // a quarter is chance
  CHECK(last_accuracy("noise") < 0.5);
}

TEST_CASE("the rate follows the schedule over rounds") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.rounds = 3;
  spec.optimizer = {.type = "sgd", .lr = 0.1};
  spec.schedule = {.type = "step", .gamma = 0, .every = 2};
  Federation federation(spec, dataset, nullptr, std::make_unique<FakeDefense>());
  const auto parameters = [&] { return federation.global_model().parameters().to_host(); };
  std::vector<std::vector<float>> after{parameters()};
  for (int round = 0; round < 3; ++round) {
    federation.run_round();
    after.push_back(parameters());
  }
  CHECK(after[1] != after[0]);
  CHECK(after[2] != after[1]);
  // Rate 0: the mean of six equal models, up to the rounding of the fake defense's sum.
  constexpr float kMeanRounding = 1e-6f;
  float moved = 0;
  for (size_t i = 0; i < after[3].size(); ++i)
    moved = std::max(moved, std::abs(after[3][i] - after[2][i]));
  CHECK(moved < kMeanRounding);
}

TEST_CASE("given weights begin the run; it is evaluated every so many rounds and at the end") {
  const Dataset dataset = tiny_dataset();
  FederationSpec spec = tiny_spec();
  spec.rounds = 5;
  spec.eval_every = 2;
  spec.pictures_every = 3;
  Context context(device_options(1));
  Model model(spec.model, context);
  model.initialize(77);
  const ModelState initial = model.state();
  std::vector<bool> pictures;
  auto defense = looking([&](const RoundContext& round, FakeDefense::Updates) {
    pictures.push_back(round.want_pictures);
    if (round.round == 1) {
      CHECK(numbers(round.global) == numbers(initial));
      CHECK(numbers(round.model.state()) == numbers(initial));
    }
  });
  Federation federation(spec, dataset, nullptr, std::move(defense), &initial);
  std::vector<bool> evaluated;
  for (int64_t round = 1; round <= 5; ++round) {
    const RoundRecord record = federation.run_round();
    CHECK(record.round == round);
    CHECK(record.accuracy.has_value() == record.loss.has_value());
    evaluated.push_back(record.accuracy.has_value());
  }
  CHECK(evaluated == std::vector<bool>{false, true, false, true, true});
  CHECK(pictures == std::vector<bool>{false, false, true, false, false});
}

}  // namespace fedcamae
