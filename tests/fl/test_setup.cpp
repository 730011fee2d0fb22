#include "fl/setup.h"

#include <algorithm>
#include <limits>
#include <set>

#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

TEST_CASE("a spec that cannot be run is refused, and the message names the setting") {
  struct Case {
    std::string part;
    std::function<void(FederationSpec&)> spoil;
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Case> cases{
      {"workers", [](FederationSpec& s) { s.workers = 0; }},
      {"threads", [](FederationSpec& s) { s.threads = 0; }},
      {"clients", [](FederationSpec& s) { s.clients = 0; }},
      {"attackers", [](FederationSpec& s) { s.attackers = 7; }},
      {"attackers", [](FederationSpec& s) { s.attackers = -1; }},
      {"fraction", [](FederationSpec& s) { s.fraction = 0; }},
      {"fraction", [](FederationSpec& s) { s.fraction = 1.01; }},
      {"fraction", [](FederationSpec& s) { s.fraction = kNan; }},
      {"rounds", [](FederationSpec& s) { s.rounds = 0; }},
      {"epochs", [](FederationSpec& s) { s.epochs = 0; }},
      {"batch", [](FederationSpec& s) { s.batch = 1; }},
      {"eval every", [](FederationSpec& s) { s.eval_every = 0; }},
      {"pictures every", [](FederationSpec& s) { s.pictures_every = -1; }},
      {"train images", [](FederationSpec& s) { s.train_images = -1; }},
      {"test images", [](FederationSpec& s) { s.test_images = -1; }},
      {"server images", [](FederationSpec& s) { s.server_images = -1; }},
      {"server images: 90 of 90", [](FederationSpec& s) { s.server_images = 90; }},
      {"attack start", [](FederationSpec& s) { s.attack_start = 0; }},
      {"stop", [](FederationSpec& s) { s.attack_stop = -1; }},
      {"stop", [](FederationSpec& s) { s.attack_start = 3, s.attack_stop = 2; }},
      {"model classes", [](FederationSpec& s) { s.model.classes = 3; }},
      {"small_cn", [](FederationSpec& s) { s.model.arch = "small_cn"; }},
      {"crop padding", [](FederationSpec& s) { s.augment.crop_padding = 8; }},
      {"crop padding", [](FederationSpec& s) { s.augment.crop_padding = -1; }},
      {"flip probability", [](FederationSpec& s) { s.augment.flip_probability = 1.5; }},
      {"optimizer", [](FederationSpec& s) { s.optimizer.type = "adm"; }},
      {"nesterov", [](FederationSpec& s) { s.optimizer = {.type = "sgd", .nesterov = true}; }},
      {"schedule", [](FederationSpec& s) { s.schedule.type = "cos"; }},
      {"dirichlet", [](FederationSpec& s) { s.partition = "dirichlett"; }},
      {"clients", [](FederationSpec& s) { s.train_images = 5; }}};
  const Dataset dataset = tiny_dataset();
  for (const Case& c : cases) {
    CAPTURE(c.part);
    FederationSpec spec = tiny_spec();
    c.spoil(spec);
    check_error(ErrorKind::kUsage, c.part, [&] {
      const Federation federation(spec, dataset, nullptr, std::make_unique<FakeDefense>());
    });
  }
  Dataset untested = tiny_dataset();
  untested.test = {};
  check_error(ErrorKind::kData, "no test images", [&] {
    const Federation federation(tiny_spec(), untested, nullptr, std::make_unique<FakeDefense>());
  });
  check_error(ErrorKind::kUnexpected, "no defense",
              [&] { const Federation federation(tiny_spec(), dataset, nullptr, nullptr); });
}

TEST_CASE("attackers are a seeded choice of the ids, every id as likely") {
  FederationSpec spec = tiny_spec();
  spec.clients = 8;
  spec.attackers = 3;
  std::vector<int> chosen(8);
  std::set<std::vector<int64_t>> choices;
  constexpr int kSeeds = 2000;
  for (spec.seed = 0; spec.seed < kSeeds; ++spec.seed) {
    const std::vector<int64_t> ids = choose_attackers(spec);
    CHECK(ids == choose_attackers(spec));
    REQUIRE(ids.size() == 3);
    CHECK(std::is_sorted(ids.begin(), ids.end()));
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
    choices.insert(ids);
    for (const int64_t id : ids) ++chosen.at(static_cast<size_t>(id));
  }
  CHECK(choices.size() == 56);  // 8 over 3
  // 750 expected, standard deviation 21.7: six deviations.
  for (const int count : chosen) CHECK(std::abs(count - 750) < 130);
  spec.attackers = 0;
  CHECK(choose_attackers(spec).empty());
}

TEST_CASE("a fraction of the clients, rounded, at least one; another choice each round") {
  FederationSpec spec = tiny_spec();
  spec.clients = 10;
  const auto sampled = [&](double fraction, int64_t round) {
    spec.fraction = fraction;
    return sample_clients(spec, round);
  };
  CHECK(sampled(1.0, 1) == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(sampled(0.34, 1).size() == 3);
  CHECK(sampled(0.36, 1).size() == 4);
  CHECK(sampled(0.001, 1).size() == 1);
  std::vector<int> taken(10);
  std::set<std::vector<int64_t>> choices;
  constexpr int kRounds = 1000;
  for (int64_t round = 1; round <= kRounds; ++round) {
    const std::vector<int64_t> ids = sampled(0.3, round);
    CHECK(ids == sampled(0.3, round));
    CHECK(std::is_sorted(ids.begin(), ids.end()));
    choices.insert(ids);
    for (const int64_t id : ids) ++taken.at(static_cast<size_t>(id));
  }
  CHECK(choices.size() > 100);
  // 300 expected, standard deviation 14.5: six deviations.
  for (const int count : taken) CHECK(std::abs(count - 300) < 87);
  const std::vector<int64_t> before = sampled(0.3, 1);
  const bool moved = [&] {
    for (spec.seed = 50; spec.seed < 60; ++spec.seed)
      if (sample_clients(spec, 1) != before) return true;
    return false;
  }();
  CHECK(moved);
}

TEST_CASE("the server's images: even over the classes, in no client's part; a test subset") {
  const Dataset dataset = tiny_dataset(90, 40, 4);
  FederationSpec spec = tiny_spec();
  spec.server_images = 10;
  spec.test_images = 15;
  const Split split = split_images(spec, dataset);
  CHECK(split.server.size() == 10);
  std::vector<int> counts(4);
  for (const int64_t i : split.server)
    ++counts[static_cast<size_t>(dataset.train.labels[static_cast<size_t>(i)])];
  CHECK(counts == std::vector<int>{3, 3, 2, 2});
  std::vector<int64_t> all = split.server;
  all.insert(all.end(), split.clients.begin(), split.clients.end());
  std::sort(all.begin(), all.end());
  CHECK(all.size() == 90);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK(all.back() == 89);
  CHECK(split.test.size() == 15);
  CHECK(std::is_sorted(split.test.begin(), split.test.end()));
  CHECK(std::adjacent_find(split.test.begin(), split.test.end()) == split.test.end());
  CHECK(split.test.back() < 40);
  CHECK(split_images(spec, dataset).server == split.server);
  spec.seed = 4;
  CHECK(split_images(spec, dataset).server != split.server);
  CHECK(split_images(spec, dataset).test != split.test);
}

TEST_CASE("the server's images do not move with the clients' number; rare classes run out") {
  FederationSpec spec = tiny_spec();
  spec.server_images = 12;
  Dataset dataset = tiny_dataset(90, 40, 4);
  const Split whole = split_images(spec, dataset);
  CHECK(whole.test.size() == 40);
  spec.train_images = 30;
  const Split part = split_images(spec, dataset);
  CHECK(part.server == whole.server);
  CHECK(part.clients.size() == 30);
  CHECK(std::includes(whole.clients.begin(), whole.clients.end(), part.clients.begin(),
                      part.clients.end()));
  // One image of class 0, none of class 3.
  for (size_t i = 0; i < dataset.train.labels.size(); ++i)
    dataset.train.labels[i] = i == 17 ? 0 : i % 2 == 0 ? 1 : 2;
  const Split rare = split_images(spec, dataset);
  CHECK(rare.server.size() == 12);
  CHECK(std::count(rare.server.begin(), rare.server.end(), 17) == 1);
}

}  // namespace fedcamae
