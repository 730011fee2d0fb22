// The passes over the tape: where gradients add up, where a pass stops, what it frees.
#include <doctest/doctest.h>

#include "autograd/functions.h"
#include "autograd/node.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::check_equal;
using testing::Inputs;

constexpr float kUntouched = -7.0f;

struct Fixture {
  Context context{testing::device_options(2)};

  Tensor values(std::initializer_list<float> v) {
    return Tensor::from(context, {static_cast<int64_t>(v.size())}, std::vector<float>(v));
  }
  // The sum of all numbers, as the matrix product of a row with ones: [1, 1].
  Var sum(const Var& x) {
    const Shape row{1, x.shape().size()};
    return linear(reshape(x, row), Var::constant(Tensor::full(context, row, 1.0f)), Var());
  }
};

// Whole numbers: every sum is exact.
void check_numbers(const Tensor& x, std::initializer_list<float> expected) {
  CHECK(x.to_host() == std::vector<float>(expected));
}

TEST_CASE_FIXTURE(Fixture, "contributions of a value that is used several times add up") {
  const Var x = Var::leaf(values({2, -3}));
  SUBCASE("twice in one operation") {
    check_numbers(gradients(mul(x, x), {{x}})[0], {4, -6});
    check_numbers(gradients(add(x, x), {{x}})[0], {2, 2});
  }
  SUBCASE("by several operations: x^3 + x^2 + x") {
    const Var square = x * x;
    const Var y = square * x + square + x;
    check_numbers(gradients(y, {{x}})[0], {3 * 4 + 2 * 2 + 1, 3 * 9 - 2 * 3 + 1});
    backward(sum(y));
    check_numbers(x.grad(), {17, 22});
  }
  SUBCASE("a gradient that others hold is not written to") {
    // Both arguments of the sum are given the same tensor dy; each then gets one more term.
    const Var a = x * x, b = reshape(x, {2});
    const Var y = (a + b) + a;
    const Tensor dy = values({1, 10});
    const std::vector<Tensor> d = gradients(y, {{a, b, x}}, dy);
    check_numbers(d[0], {2, 20});
    check_numbers(d[1], {1, 10});
    check_numbers(d[2], {2 * 4 + 1, 20 * -6 + 10});
    check_numbers(dy, {1, 10});
  }
}

TEST_CASE_FIXTURE(Fixture, "backward overwrites the buffers of parameters it reaches") {
  const Tensor buffer = Tensor::full(context, {4}, kUntouched);
  const Var p = Var::parameter(values({2, 5}), buffer.window(0, {2}));
  const Var other = Var::parameter(values({1, 1}), buffer.window(2, {2}));
  const Var x = Var::leaf(values({3, -1}));

  SUBCASE("used once") {
    backward(sum(p * x));
    check_numbers(buffer, {3, -1, kUntouched, kUntouched});
    check_numbers(p.grad(), {3, -1});
    CHECK(p.grad().data() == buffer.data());
    check_numbers(x.grad(), {2, 5});
    CHECK(!other.grad().defined());
  }
  SUBCASE("used twice through one handle") {
    backward(sum(p * x + p * p));
    check_numbers(buffer, {3 + 4, -1 + 10, kUntouched, kUntouched});
  }
  SUBCASE("used twice through two handles on the same buffer") {
    const Var again = Var::parameter(p.value(), buffer.window(0, {2}));
    backward(sum(p * x + (again * again) * p));
    check_numbers(buffer, {3 + 3 * 4, -1 + 3 * 25, kUntouched, kUntouched});
  }
  SUBCASE("the next pass begins anew") {
    backward(sum(p * x));
    backward(sum(p * x));
    check_numbers(buffer, {3, -1, kUntouched, kUntouched});
  }
}

// A matrix product writes a weight's gradient straight into its buffer, a shared gradient is copied
// there: in whatever order the two come.
TEST_CASE_FIXTURE(Fixture, "a parameter's buffer takes written and given gradients") {
  const Tensor x = Tensor::from(context, {2, 2}, std::vector<float>{1, 2, 3, 5});
  const Tensor start = Tensor::from(context, {2, 2}, std::vector<float>{7, 1, -2, 4});
  for (const bool product_last : {false, true}) {
    CAPTURE(product_last);
    const Tensor buffer = Tensor::full(context, {2, 2}, kUntouched);
    const Var w = Var::parameter(start, buffer);
    const auto product = [&] { return linear(Var::constant(x), w, Var()); };
    const auto identity = [&] { return reshape(w, {2, 2}); };
    // Younger nodes run first.
    const Var first = product_last ? product() : identity();
    const Var second = product_last ? identity() : product();
    backward(sum(first + second));
    // d/dw of sum(x w^T) is the column sums of x in every row; of sum(w), ones.
    check_numbers(buffer, {4 + 1, 7 + 1, 4 + 1, 7 + 1});
  }
}

// Hands out steps of rate 1 at fresh moments and notes for which buffers.
struct Steps final : StepSource {
  ops::WeightStep step_of(const Tensor& gradient) override {
    asked.push_back(gradient.data());
    Context& context = gradient.context();
    return {{.lr = 1},
            1,
            gradient,
            weight,
            Tensor::zeros(context, gradient.shape()),
            Tensor::zeros(context, gradient.shape())};
  }
  Tensor weight;
  std::vector<const float*> asked;
};

TEST_CASE_FIXTURE(Fixture, "a weight's step is taken within the pass where it is used once") {
  const Tensor start = Tensor::from(context, {2, 2}, std::vector<float>{7, 1, -2, 4});
  const Tensor buffer = Tensor::full(context, {2, 2}, kUntouched);
  const Var w = Var::parameter(start, buffer);
  const Var x = Var::leaf(Tensor::from(context, {1, 2}, std::vector<float>{1, 2}));
  Steps steps;
  steps.weight = start;

  SUBCASE("after its last use: x has the gradient of the weight that made the output") {
    backward(sum(linear(x, w, Var())), &steps);
    CHECK(steps.asked == std::vector<const float*>{buffer.data()});
    check_numbers(x.grad(), {7 - 2, 1 + 4});
    CHECK(!w.grad().defined());
    // Adam's first step is the rate, all gradients being above 0.
    CHECK(start.to_host()[0] == doctest::Approx(6));
    CHECK(start.to_host()[3] == doctest::Approx(3));
  }
  SUBCASE("not where it is used twice through one handle") {
    backward(sum(linear(linear(x, w, Var()), w, Var())), &steps);
    CHECK(steps.asked.empty());
    check_numbers(start, {7, 1, -2, 4});
  }
  SUBCASE("not where it is used twice through two handles") {
    const Var again = Var::parameter(start, buffer);
    backward(sum(linear(x, w, Var()) + linear(x, again, Var())), &steps);
    CHECK(steps.asked.empty());
    check_numbers(buffer, {2, 4, 2, 4});
  }
  SUBCASE("not by an operation that only hands gradients over") {
    backward(sum(w * w), &steps);
    CHECK(steps.asked.empty());
    check_numbers(buffer, {14, 2, -4, 8});
  }
  SUBCASE("not without an optimiser") {
    backward(sum(linear(x, w, Var())));
    check_numbers(buffer, {1, 2, 1, 2});
  }
}

TEST_CASE_FIXTURE(Fixture, "gradients of an intermediate value stops there") {
  const Tensor buffer = Tensor::full(context, {2}, kUntouched);
  const Var p = Var::parameter(values({2, 5}), buffer);
  int below = 0;
  const Var x = Var::leaf(values({3, -1}));
  const Var seen =
      Var::record("counted", {{x}}, x.value(), [&below](const Tensor& dy, GradSink& g) {
        ++below;
        g.give(0, dy);
      });
  const Var middle = seen * p;
  const Var y = sum(middle * middle);

  const std::vector<Tensor> d = gradients(y, {{middle}});
  check_numbers(d[0], {12, -10});
  CHECK(below == 0);
  check_numbers(buffer, {kUntouched, kUntouched});
  CHECK(!x.grad().defined());
  CHECK(!p.grad().defined());

  SUBCASE("the tape stays: the same again, then all of it") {
    check_numbers(gradients(y, {{middle}})[0], {12, -10});
    check_numbers(gradients(y, {{x, middle, p}})[0], {12 * 2, -10 * 5});
    check_numbers(buffer, {kUntouched, kUntouched});
    backward(y);
    check_numbers(buffer, {12 * 3, -10 * -1});
    check_numbers(x.grad(), {24, -50});
  }
  SUBCASE("an input below another asked input gets the whole gradient") {
    const std::vector<Tensor> both = gradients(y, {{middle, p}});
    check_numbers(both[0], {12, -10});
    check_numbers(both[1], {36, 10});
  }
  SUBCASE("of itself it is the seed; of what it does not depend on, zeros") {
    const Var elsewhere = Var::leaf(values({1, 2, 3}));
    const Tensor seed = values({4, 9});
    const std::vector<Tensor> both = gradients(middle, {{middle, elsewhere}}, seed);
    check_numbers(both[0], {4, 9});
    check_numbers(both[1], {0, 0, 0});
  }
}

TEST_CASE_FIXTURE(Fixture, "a freed tape cannot be used again") {
  const Var x = Var::leaf(values({3, -1}));
  const Var shared = x * x;
  const Var y = sum(shared), z = sum(shared * x);
  backward(y);
  CHECK_THROWS_WITH_AS(backward(y),
                       "[backward] the tape below [linear] was freed by an earlier pass", Error);
  CHECK_THROWS_AS(gradients(y, {{x}}), Error);
  CHECK_THROWS_AS(backward(z), Error);  // through the part that both share
  const Var again = sum(x * x);         // the leaf itself is as good as new
  backward(again);
  check_numbers(x.grad(), {6, -2});
}

TEST_CASE_FIXTURE(Fixture, "what has no gradient is an error") {
  const Var constant = Var::constant(values({1, 2})), x = Var::leaf(values({1, 2}));
  CHECK_THROWS_AS(backward(constant), Error);
  CHECK_THROWS_AS(backward(x * x), Error);  // two elements
  CHECK_THROWS_AS(gradients(x * x, {}), Error);
  CHECK_THROWS_AS(gradients(x * x, {{constant}}), Error);
  CHECK_THROWS_AS(gradients(x * x, {{Var()}}), Error);
  CHECK_THROWS_AS(gradients(x * x, {{x}}, values({1, 2, 3})), Error);
  CHECK_THROWS_AS((x * x).grad(), Error);
  CHECK_THROWS_AS(constant.grad(), Error);
  CHECK_THROWS_AS(Var::parameter(values({1}), values({1, 2})), Error);
  check_numbers(gradients(constant * constant, {{x}})[0], {0, 0});
}

TEST_CASE_FIXTURE(Fixture, "NoGrad records nothing, Record does inside it") {
  const Var x = Var::leaf(values({3, -1}));
  CHECK(!NoGrad::active());
  {
    const NoGrad no_grad;
    CHECK(NoGrad::active());
    CHECK(!(x * x).needs_grad());
    {
      const Record record;
      CHECK(!NoGrad::active());
      check_numbers(gradients(x * x, {{x}})[0], {6, -2});
      const NoGrad inner;
      CHECK(!(x * x).needs_grad());
    }
    CHECK(!(x * x).needs_grad());
  }
  CHECK((x * x).needs_grad());
  CHECK(!(Var::constant(x.value()) * Var::constant(x.value())).needs_grad());
}

TEST_CASE_FIXTURE(Fixture, "an optional argument may be undefined") {
  const Var x = Var::leaf(values({3, -1}));
  const Var w = Var::leaf(Tensor::full(context, {1, 2}, 2.0f));
  const Var row = reshape(x, {1, 2});
  backward(linear(row, w, Var()));
  check_numbers(x.grad(), {2, 2});
  check_numbers(w.grad(), {3, -1});
}

TEST_CASE_FIXTURE(Fixture, "a closure that breaks its contract is caught, and the tape recovers") {
  const Var x = Var::leaf(values({3, -1})), c = Var::constant(values({1, 1}));
  const auto pass = [&](BackwardFn closure) {
    const Var bad = Var::record("bad", {{x, c}}, x.value(), std::move(closure));
    CHECK_THROWS_AS(gradients(sum(bad), {{x}}), Error);
  };
  pass([](const Tensor& dy, GradSink& g) { g.give(1, dy); });  // not wanted
  pass([](const Tensor& dy, GradSink& g) {                     // twice
    g.give(0, dy);
    g.give(0, dy);
  });
  pass([](const Tensor& dy, GradSink& g) { g.give(0, dy.reshape({1, 2})); });  // another shape
  check_numbers(gradients(sum(x * x), {{x}})[0], {6, -2});
}

TEST_CASE_FIXTURE(Fixture, "an activation that no closure keeps returns to the pool") {
  const Var x = Var::leaf(Tensor::zeros(context, {1000}));
  Var y = x + x;
  const int64_t one = context.pool_stats().bytes_in_use;
  for (int i = 0; i < 10; ++i) y = y + x;
  CHECK(context.pool_stats().bytes_in_use == one);
  for (int i = 0; i < 10; ++i) y = y * x;  // keeps its arguments
  CHECK(context.pool_stats().bytes_in_use >= one + 9 * 1000 * 4);
}

// Deeper than a recursion over the tape could go on a stack of 8 MiB.
constexpr int kDeep = 200000;

// The host's stack is what could overflow, whatever the device.
TEST_CASE_FIXTURE(Fixture, "a long tape is walked and freed without recursion" *
                               doctest::test_suite("cpu_only")) {
  const Var x = Var::leaf(values({1}));
  Var y = x;
  for (int i = 0; i < kDeep; ++i) y = y + x;
  SUBCASE("by backward") {
    backward(y);
    check_numbers(x.grad(), {kDeep + 1});
  }
  SUBCASE("by gradients, then dropped") {
    check_numbers(gradients(y, {{x}})[0], {kDeep + 1});
    y = Var();
  }
  SUBCASE("dropped unused, a part of it held") {
    Var tail = y;
    for (int i = 0; i < kDeep; ++i) tail = tail + x;
    y = Var();
    CHECK(tail.needs_grad());
    tail = Var();
    CHECK(x.node().use_count() == 1);
  }
}

}  // namespace
}  // namespace fedcamae
