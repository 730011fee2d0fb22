// Random numbers made on a device: those of core/random.h.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/ops.h"
#include "core/random.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"
#include "tests/support/guard.h"

namespace fedcamae {
namespace {

// A device's logarithm and sine differ from the host's in the last bits of a double, which now and
// then lie on the edge between two float32: one unit then, and seldom.
constexpr int64_t kOneInSoMany = 1000;

bool neighbours(float a, float b) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return std::nextafter(a, kInfinity) == b || std::nextafter(a, -kInfinity) == b;
}

TEST_CASE("fill_normal: the numbers of Random, one after the other") {
  const RandomKey keys[] = {
      {.seed = 1, .purpose = Purpose::kTest},
      {.seed = 0xfedcba9876543210, .purpose = Purpose::kAttack, .round = 77, .client = 0xffffffff}};
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    for (const RandomKey& key : keys)
      for (const int64_t length : {int64_t{1}, int64_t{2}, int64_t{513}, int64_t{30001}}) {
        CAPTURE(length);
        const testing::Guarded y(context, Shape{length});
        context.backend().fill_normal(key, -0.5, 3.0, y.view());
        y.check_untouched();
        Random random(key);
        int64_t near = 0, wrong = 0;
        for (const float got : y.tensor().to_host()) {
          const auto expected = static_cast<float>(-0.5 + 3.0 * random.normal());
          if (got == expected) continue;
          ++(neighbours(got, expected) ? near : wrong);
        }
        CHECK(wrong == 0);
        CHECK(near <= length / kOneInSoMany);
      }
  });
}

TEST_CASE("fill_normal: a deviation of 0 is the mean; other keys give other numbers") {
  testing::on_every_device([&](Context& context) {
    const Tensor x(context, {99}), y(context, {99});
    ops::fill_normal_({.seed = 3}, 2.5, 0.0, x);
    CHECK(x.to_host() == std::vector<float>(99, 2.5f));
    ops::fill_normal_({.seed = 3}, 0.0, 1.0, x);
    for (const RandomKey& other :
         {RandomKey{.seed = 4}, RandomKey{.seed = 3 + (1ull << 32)},
          RandomKey{.seed = 3, .purpose = Purpose::kAttack}, RandomKey{.seed = 3, .round = 1},
          RandomKey{.seed = 3, .client = 1}}) {
      ops::fill_normal_(other, 0.0, 1.0, y);
      CHECK(y.to_host() != x.to_host());
    }
  });
}

const RandomKey kKey{
    .seed = (uint64_t{7} << 32) + 5, .purpose = Purpose::kTest, .round = 3, .client = 9};
constexpr int64_t kSizes[] = {1, 2, 7, 16, 1001};

TEST_CASE("random: skipping words is taking them") {
  for (const uint64_t words : {0u, 1u, 3u, 4u, 5u, 11u})
    for (const int taken : {0, 1, 4, 6}) {
      CAPTURE(words);
      CAPTURE(taken);
      Random skipped(kKey), read(kKey);
      for (int i = 0; i < taken; ++i) CHECK(skipped.next() == read.next());
      skipped.skip(words);
      for (uint64_t i = 0; i < words; ++i) read.next();
      CHECK(skipped.position() == read.position());
      CHECK(skipped.position() == words + static_cast<uint64_t>(taken));
      CHECK(skipped.next() == read.next());
    }
}

TEST_CASE("fill_uniform: the generator's numbers, bit for bit, from any of them on") {
  constexpr double kLow = -1, kHigh = 0.3;
  testing::on_every_device([&](Context& context) {
    for (const int64_t first : {0, 1, 2, 1003})
      for (const int64_t size : kSizes) {
        CAPTURE(first);
        CAPTURE(size);
        const testing::Guarded y(context, Shape{size});
        ops::fill_uniform_(kKey, first, kLow, kHigh, y.tensor());
        y.check_untouched();
        Random random(kKey);
        for (int64_t i = 0; i < first; ++i) random.uniform();
        int64_t wrong = 0;
        for (const float value : y.tensor().to_host())
          wrong += value != static_cast<float>(random.uniform(kLow, kHigh));
        CHECK(wrong == 0);
      }
    ops::fill_uniform_(kKey, 0, kLow, kHigh, Tensor(context, {0}));
    CHECK_THROWS_AS(ops::fill_uniform_(kKey, -1, kLow, kHigh, Tensor(context, {1})), Error);
  });
}

}  // namespace
}  // namespace fedcamae
