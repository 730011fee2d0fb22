// Optimisers and schedules over several steps against PyTorch in float64 (tests/golden/
// optimizers.txt, written by tools/make_golden.py), and impossible specs.
#include "layers/optimizer.h"

#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "autograd/functions.h"
#include "layers/losses.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::Array;

using Lines = std::map<std::string, std::vector<std::vector<double>>>;

// Name -> the numbers of its lines.
Lines read_dump() {
  std::ifstream in(std::string(FEDCAMAE_TEST_DATA) + "/optimizers.txt");
  REQUIRE(in.good());
  Lines lines;
  for (std::string text; std::getline(in, text);) {
    std::istringstream words(text);
    std::string name;
    words >> name;
    std::vector<double>& numbers = lines[name].emplace_back();
    for (double v = 0; words >> v;) numbers.push_back(v);
  }
  return lines;
}

Array<double> as_array(const std::vector<double>& numbers) {
  Array<double> a(Shape{static_cast<int64_t>(numbers.size())});
  a.data = numbers;
  return a;
}

// As in SMALL_OPTIMIZERS of make_golden.py.
const std::map<std::string, OptimizerSpec> kSpecs = {
    {"sgd", {.type = "sgd", .lr = 0.1}},
    {"sgd_decay", {.type = "sgd", .lr = 0.05, .weight_decay = 0.02}},
    {"momentum", {.type = "sgd", .lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}},
    {"nesterov",
     {.type = "sgd", .lr = 0.1, .momentum = 0.8, .nesterov = true, .weight_decay = 0.01}},
    {"adam", {.type = "adam", .lr = 0.01}},
    {"adam_decay", {.type = "adam", .lr = 0.01, .weight_decay = 0.1}},
    {"adamw", {.type = "adamw", .lr = 0.01, .weight_decay = 0.1}},
};
// Some ten roundings of numbers near 1 in each of five steps.
constexpr double kTolerance = 50 * testing::kEps;

TEST_CASE("the parameters after each step are PyTorch's") {
  const Lines lines = read_dump();
  testing::on_every_device([&](Context& context) {
    for (const auto& named : kSpecs) {
      const auto& [name, spec] = named;
      CAPTURE(named.first);
      const Tensor parameters = testing::to_tensor(context, as_array(lines.at("start")[0]));
      const Tensor gradients = Tensor::zeros(context, parameters.shape());
      Optimizer optimizer(spec, parameters, gradients);
      const auto& expected = lines.at(name);
      REQUIRE(expected.size() == lines.at("gradient").size());
      for (size_t step = 0; step < expected.size(); ++step) {
        CAPTURE(step);
        const Array<double> gradient = as_array(lines.at("gradient")[step]);
        ops::copy_(testing::to_tensor(context, gradient), gradients);
        optimizer.step(spec.lr);
        testing::check_close(parameters, as_array(expected[step]), kTolerance);
        testing::check_equal(gradients, gradient);  // only read
      }
    }
  });
}

TEST_CASE("the rate is the step's argument") {
  Context context(testing::device_options(1));
  const Tensor p = Tensor::zeros(context, {3}), g = Tensor::full(context, {3}, 1.0f);
  Optimizer optimizer({.type = "sgd", .lr = 100}, p, g);
  optimizer.step(0.5);
  optimizer.step(0.25);
  testing::check_equal(p, Array<double>({3}, -0.75));
}

// Weights whose step can be taken within the backward pass and parameters that have none; one
// weight is used twice, and the flat buffer begins and ends with either kind.
struct Network {
  explicit Network(Context& context)
      : parameters(testing::to_tensor(context, testing::Inputs(7).reals({kSize}))),
        gradients(Tensor::full(context, {kSize}, -7.0f)) {}

  Var parameter(int64_t first, const Shape& shape) const {
    return Var::parameter(parameters.window(first, shape), gradients.window(first, shape));
  }
  // x [N, 2, 2, 16], target [N, 16].
  Var loss(const Tensor& x, const Tensor& target) const {
    const Var twice = parameter(kTwice, {16, 16});
    const Var y = conv2d(Var::constant(x), parameter(0, {16, 3, 3, 16}), parameter(kBias, {16}),
                         {.padding = 1});
    const Var z = linear(relu(global_avg_pool(y)), twice, Var());
    return mse(linear(linear(relu(z), twice, Var()), parameter(kLast, {16, 16}), Var()), target);
  }

  static constexpr int64_t kBias = 16 * 9 * 16, kTwice = kBias + 16, kLast = kTwice + 256,
                           kSize = kLast + 256;
  Tensor parameters, gradients;
};

TEST_CASE("a step within the backward pass is a step after it") {
  testing::on_every_device([&](Context& context) {
    CAPTURE(context.backend().name());
    testing::Inputs inputs(8);
    const Tensor x = testing::to_tensor(context, inputs.reals({3, 2, 2, 16}));
    const Tensor target = testing::to_tensor(context, inputs.reals({3, 16}));
    for (const auto& named : kSpecs) {
      const OptimizerSpec& spec = named.second;
      CAPTURE(named.first);
      const Network within(context), after(context);
      Optimizer one(spec, within.parameters, within.gradients);
      Optimizer other(spec, after.parameters, after.gradients);
      for (int step = 1; step <= 3; ++step) {
        one.backward_and_step(within.loss(x, target), spec.lr / step);
        backward(after.loss(x, target));
        other.step(spec.lr / step);
        testing::check_same_bits(within.parameters, after.parameters);
      }
      // The weight that is used twice has its gradient in the buffer; of the others, those whose
      // step was taken on the way need not.
      testing::check_same_bits(within.gradients.window(Network::kTwice, {256}),
                               after.gradients.window(Network::kTwice, {256}));
      if (!context.backend().steps_in_products())
        testing::check_same_bits(within.gradients, after.gradients);
    }
  });
}

TEST_CASE("the rates are those of PyTorch's schedulers") {
  const Lines lines = read_dump();
  constexpr int64_t kTotal = 12;
  constexpr double kRate = 0.2, kRounding = 1e-15;  // both sides are double
  const std::map<std::string, ScheduleSpec> specs = {
      {"schedule_step", {.type = "step", .gamma = 0.5, .every = 3}},
      {"schedule_cosine", {.type = "cosine"}}};
  for (const auto& named : specs) {
    const auto& [name, spec] = named;
    CAPTURE(named.first);
    const std::vector<double>& expected = lines.at(name).at(0);
    REQUIRE(expected.size() == kTotal + 1);
    for (int64_t step = 0; step <= kTotal; ++step) {
      CAPTURE(step);
      testing::check_close(learning_rate(spec, kRate, step, kTotal),
                           expected[static_cast<size_t>(step)], kRounding);
    }
  }
  for (const int64_t step : {0, 7, 12}) CHECK(learning_rate({}, kRate, step, kTotal) == kRate);
}

// The kind of the error, so that the program can choose its exit code.
template <class Action>
void check_usage_error(const Action& action) {
  try {
    action();
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
  }
}

TEST_CASE("impossible specs are errors") {
  Context context(testing::device_options(1));
  const Tensor p = Tensor::zeros(context, {3}), g = Tensor::zeros(context, {3});
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const OptimizerSpec& spec :
       {OptimizerSpec{.type = "adagrad"}, OptimizerSpec{.type = ""}, OptimizerSpec{.type = "SGD"},
        OptimizerSpec{.type = "sgd", .nesterov = true},
        OptimizerSpec{.type = "sgd", .momentum = -0.9},
        OptimizerSpec{.type = "sgd", .momentum = kNan},
        OptimizerSpec{.type = "adam", .weight_decay = -1e-4},
        OptimizerSpec{.type = "adamw", .weight_decay = kNan}})
    check_usage_error([&] { const Optimizer optimizer(spec, p, g); });
  CHECK_THROWS_AS(Optimizer({}, p, Tensor::zeros(context, {4})), Error);
  check_usage_error([] { learning_rate({.type = "linear"}, 0.1, 0, 10); });
  check_usage_error([] { learning_rate({.type = "step", .every = 0}, 0.1, 0, 10); });
  check_usage_error([] { learning_rate({.type = "cosine"}, 0.1, 0, 0); });
}

}  // namespace
}  // namespace fedcamae
