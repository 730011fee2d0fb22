// What ends a round early, and that nothing of it stays.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "fl/workers.h"
#include "tests/fl/support.h"

namespace fedcamae {

using namespace testing;

namespace {

FederationSpec two_workers() {
  FederationSpec spec = tiny_spec();
  spec.workers = 2;
  spec.rounds = 2;
  return spec;
}

struct Outcome {
  std::string records;
  std::vector<float> global;
};
Outcome undisturbed(const Dataset& dataset) {
  Federation federation(two_workers(), dataset, make_attack("gae"),
                        std::make_unique<FakeDefense>());
  Outcome outcome;
  for (int round = 0; round < 2; ++round) outcome.records += fingerprint(federation.run_round());
  outcome.global = numbers(federation.global_model().state());
  return outcome;
}

}  // namespace

TEST_CASE("an interrupted round leaves the global model, and comes again with the same result") {
  const Dataset dataset = tiny_dataset(90, 300);
  const Outcome expected = undisturbed(dataset);
  Federation federation(two_workers(), dataset, make_attack("gae"),
                        std::make_unique<FakeDefense>());
  std::string records;
  for (int round = 0; round < 2; ++round) {
    const std::vector<float> before = numbers(federation.global_model().state());
    // Stopped at the n-th question, until no question is left: in the training of every client,
    // after the attack, between test batches.
    int stopped = 0;
    for (int n = 1;; ++n) {
      std::atomic<int> asked = 0;
      try {
        records += fingerprint(federation.run_round({}, [&] { return ++asked >= n; }));
        break;
      } catch (const Interrupted&) {
        ++stopped;
        CHECK(asked == n);  // once true, it is not asked again
        REQUIRE(numbers(federation.global_model().state()) == before);
        CHECK_FALSE(federation.global_model().training());
      }
    }
    CHECK(stopped == 4 * 2 + 1 + 3);  // steps of the benign clients, the attack, test batches
  }
  CHECK(records == expected.records);
  CHECK(numbers(federation.global_model().state()) == expected.global);
}

TEST_CASE("what an attack, a defense or a caller throws comes out, and the round can come again") {
  const Dataset dataset = tiny_dataset();
  struct Oops {};
  std::atomic<bool> armed = true;
  const auto throw_once = [&] {
    if (armed.exchange(false)) throw Oops{};
  };
  for (const char* place : {"labels", "craft", "defense", "on_client", "stop"}) {
    CAPTURE(place);
    const std::string where = place;
    auto attack = std::make_unique<FakeAttack>();
    attack->own = true;
    attack->labels = [&](std::vector<int32_t>&) {
      if (where == "labels") throw_once();
    };
    attack->work = [&](const AttackContext& context) {
      if (where == "craft") throw_once();
      return std::vector<ModelState>(context.own.begin(), context.own.end());
    };
    auto defense = looking([&](const RoundContext& round, FakeDefense::Updates) {
      round.model.initialize(123);
      if (where == "defense") throw_once();
    });
    Federation federation(two_workers(), dataset, std::move(attack), std::move(defense));
    const std::vector<float> before = numbers(federation.global_model().state());
    const auto round = [&] {
      return federation.run_round(
          [&](int64_t, int64_t) {
            if (where == "on_client") throw_once();
          },
          [&] {
            if (where == "stop") throw_once();
            return false;
          });
    };
    armed = true;
    CHECK_THROWS_AS(round(), Oops);
    CHECK(numbers(federation.global_model().state()) == before);
    CHECK(round().round == 1);
    CHECK(numbers(federation.global_model().state()) != before);
  }
}

TEST_CASE("states of other sizes and verdicts of other lengths are refused") {
  const Dataset dataset = tiny_dataset();
  const auto check_refused = [&](const std::string& part, std::unique_ptr<Attack> attack,
                                 std::unique_ptr<Defense> defense) {
    Federation federation(tiny_spec(), dataset, std::move(attack), std::move(defense));
    check_error(ErrorKind::kUnexpected, part, [&] { federation.run_round(); });
  };
  auto few = std::make_unique<FakeAttack>();
  few->work = [](const AttackContext& c) { return std::vector<ModelState>(1, c.global); };
  check_refused("1 updates for 2 attackers", std::move(few), std::make_unique<FakeDefense>());
  auto small = std::make_unique<FakeAttack>();
  small->work = [](const AttackContext& c) {
    return std::vector<ModelState>(2, random_state(c.context, 5, 1));
  };
  check_refused("that the attack made", std::move(small), std::make_unique<FakeDefense>());
  using Updates = FakeDefense::Updates;
  check_refused(
      "that the defense made", nullptr,
      changing([](const RoundContext&, Updates, DefenseResult& result) { result.next = {}; }));
  check_refused("a verdict on 5", nullptr,
                changing([](const RoundContext&, Updates, DefenseResult& result) {
                  result.verdict.accepted.pop_back();
                }));
}

TEST_CASE("workers: every job once, prepared once each; the first exception ends the taking") {
  FederationSpec spec = tiny_spec();
  spec.workers = 3;
  Workers workers(spec);
  std::vector<std::atomic<int>> done(50);
  std::atomic<int> prepared = 0;
  workers.run(
      50, [&](Model&, int64_t job) { ++done.at(static_cast<size_t>(job)); },
      [&](Model&) { ++prepared; });
  CHECK(std::all_of(done.begin(), done.end(), [](const auto& n) { return n == 1; }));
  CHECK(prepared >= 1);
  CHECK(prepared <= 3);
  workers.run(0, [](Model&, int64_t) { FAIL_CHECK("there is no job"); });
  std::atomic<int> begun = 0;
  const auto failing = [&](Model&, int64_t job) {
    ++begun;
    if (job == 0) fail(ErrorKind::kDevice, "out of memory");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  check_error(ErrorKind::kDevice, "out of memory", [&] { workers.run(1000, failing); });
  CHECK(begun < 1000);
}

}  // namespace fedcamae
