// The profile of a context: what is counted where, and that it changes no number.
#include <doctest/doctest.h>

#include <thread>

#include "core/ops.h"
#include "core/profile.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

struct Profiled {
  std::shared_ptr<Profile> profile = std::make_shared<Profile>();
  ContextOptions options = [this] {
    ContextOptions made = testing::device_options(2);
    made.profile = profile;
    return made;
  }();
  int64_t calls(const std::string& phase, const std::string& primitive) const {
    const auto all = profile->calls();
    const auto found = all.find({phase, primitive});
    return found == all.end() ? 0 : found->second.calls;
  }
};

TEST_CASE_FIXTURE(Profiled, "profile: calls go to the innermost phase") {
  Context context(options);
  const Tensor x = Tensor::full(context, {4}, 2.0f);
  {
    const ProfilePhase outer(context, "outer");
    ops::relu(x);
    {
      const ProfilePhase inner(context, "inner");
      ops::relu(x);
      CHECK(ops::sum(x) == 8);
    }
    ops::relu(x);
  }
  CHECK(calls("other", "fill") == 1);
  CHECK(calls("outer", "unary") == 2);
  CHECK(calls("inner", "unary") == 1);
  CHECK(calls("inner", "sum") == 1);
  CHECK(profile->phases().at("outer").calls == 1);
}

TEST_CASE_FIXTURE(Profiled, "profile: an inner phase's time is taken out of the outer one") {
  Context context(options);
  const auto begin = std::chrono::steady_clock::now();
  {
    const ProfilePhase outer(context, "outer");
    const ProfilePhase inner(context, "inner");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begin;
  const auto phases = profile->phases();
  CHECK(phases.at("inner").seconds >= 0.05);
  CHECK(phases.at("outer").seconds + phases.at("inner").seconds <= all.count());
}

TEST_CASE_FIXTURE(Profiled, "profile: times of several threads and contexts are added") {
  const auto work = [this] {
    Context context(options);
    const ProfilePhase phase(context, "work");
    ops::relu(Tensor::full(context, {8}, -1.0f));
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(calls("work", "unary") == 2);
  CHECK(profile->phases().at("work").calls == 2);
}

TEST_CASE_FIXTURE(Profiled, "profile: the same bits; contexts wait for one another") {
  Context plain(testing::device_options(2)), a(options), b(options);
  testing::Inputs inputs(401);
  const auto x = inputs.reals({2, 5, 6, 7}), w = inputs.reals({9, 3, 3, 7});
  const auto run = [&](Context& context) {
    return ops::conv2d(testing::to_tensor(context, x), testing::to_tensor(context, w), {});
  };
  testing::check_same_bits(run(a).to(b), run(plain));
  CHECK(calls("other", "conv2d") == 1);
  CHECK(a.backend().name() == plain.backend().name());
  CHECK(plain.profile() == nullptr);
}

}  // namespace
}  // namespace fedcamae
