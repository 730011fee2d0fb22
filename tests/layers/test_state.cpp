// Flat buffers and the tree of modules: offsets, windows, training mode, observers.
#include <doctest/doctest.h>

#include <cmath>

#include "core/reference/loss.h"
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/losses.h"
#include "layers/pool.h"
#include "layers/sequential.h"
#include "tests/layers/layer_case.h"

namespace fedcamae {
namespace {

using testing::Bound;

// A convolution, batch norm and head, the first two below a child.
class Small final : public Module {
 public:
  Small() {
    features_.append("conv", std::make_unique<Conv2d>(3, 4, Conv2dSpec{.kernel = 3}));
    features_.append("norm", std::make_unique<BatchNorm2d>(4));
    features_.append("pool", std::make_unique<GlobalAvgPool>());
  }
  Var forward(const Var& x) override { return head_(features_(x)); }
  void visit(StateVisitor& v) override {
    v.child("features", features_);
    v.statistic("scale", {2}, scale_);
    v.child("head", head_);
  }
  std::string type() const override { return "Small"; }
  const Sequential& features() const { return features_; }
  const Tensor& scale() const { return scale_; }

 private:
  Sequential features_;
  Tensor scale_;
  Linear head_{4, 2};
};

TEST_CASE("parameters, statistics and counters lie one after the other, each kind in its buffer") {
  Context context(testing::device_options(1));
  const Bound<Small> small(context);
  const FlatState& state = small.state;
  struct Expected {
    const char* name;
    EntryKind kind;
    int64_t offset, size;
  };
  using enum EntryKind;
  const std::vector<Expected> expected = {{"features.conv.weight", kParameter, 0, 108},
                                          {"features.norm.weight", kParameter, 108, 4},
                                          {"features.norm.bias", kParameter, 112, 4},
                                          {"features.norm.running_mean", kStatistic, 0, 4},
                                          {"features.norm.running_var", kStatistic, 4, 4},
                                          {"features.norm.num_batches_tracked", kCounter, 0, 1},
                                          {"scale", kStatistic, 8, 2},
                                          {"head.weight", kParameter, 116, 8},
                                          {"head.bias", kParameter, 124, 2}};
  REQUIRE(state.entries.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(state.entries[i].name == expected[i].name);
    CHECK(state.entries[i].kind == expected[i].kind);
    CHECK(state.entries[i].offset == expected[i].offset);
    CHECK(state.entries[i].shape.size() == expected[i].size);
  }
  CHECK(state.parameters.shape() == Shape{126});
  CHECK(state.gradients.shape() == Shape{126});
  CHECK(state.statistics.shape() == Shape{10});
  CHECK(state.counters.size() == 1);
  CHECK(small.layer.scale().data() == state.statistics.data() + 8);
}

TEST_CASE("the layers compute with the flat numbers, backward fills the flat gradients") {
  Context context(testing::device_options(2));
  Bound<Small> small(context);
  ops::fill_(small.state.parameters, 0.0f);
  ops::fill_(small.state.statistics, 1.0f);
  ops::fill_(small.state.parameters.window(124, {2}), 3.0f);  // the head's bias
  const Var x = Var::constant(Tensor::full(context, {2, 4, 4, 3}, 1.0f));
  CHECK(small.layer(x).value().to_host() == std::vector<float>(4, 3.0f));

  ops::fill_(small.state.gradients, 77.0f);
  backward(mse(small.layer(x), Tensor::zeros(context, {2, 2})));
  const std::vector<float> d = small.state.gradients.to_host();
  CHECK(d[124] == 3.0f);  // 2 / 4 * (3 + 3), over two images
  for (size_t i = 0; i < 124; ++i) CHECK(d[i] == 0.0f);
}

TEST_CASE("a module without state has empty buffers") {
  Context context(testing::device_options(1));
  const Bound<GlobalAvgPool> pool(context);
  CHECK(pool.state.entries.empty());
  CHECK(pool.state.parameters.size() == 0);
  CHECK(pool.state.statistics.size() == 0);
}

TEST_CASE("training mode reaches every module below") {
  Context context(testing::device_options(1));
  Bound<Small> small(context);
  ops::fill_(small.state.parameters, 1.0f);
  ops::fill_(small.state.statistics, 1.0f);
  const Var x = Var::constant(Tensor::zeros(context, {1, 2, 2, 3}));
  for (const bool training : {true, false, true}) {
    const int64_t before = small.state.counters[0];
    small.layer.set_training(training);
    small.layer(x);
    CHECK(small.state.counters[0] == before + (training ? 1 : 0));
    for (const Sequential::Item& item : small.layer.features().items())
      CHECK(item.module->training() == training);
  }
}

// Notes the kinds it sees; puts zeros in place of what `replaced` makes.
class Notes final : public Observer {
 public:
  explicit Notes(std::string replaced = "") : replaced_(std::move(replaced)) {}
  Var seen(const Module& module, const Var& y) override {
    kinds.push_back(module.type());
    if (module.type() != replaced_) return y;
    return Var::constant(Tensor::zeros(y.value().context(), y.shape()));
  }
  std::vector<std::string> kinds;

 private:
  std::string replaced_;
};

TEST_CASE("an observer sees every module's output once, in order, and may replace it") {
  Context context(testing::device_options(1));
  Bound<Small> small(context);
  ops::fill_(small.state.parameters, 1.0f);
  ops::fill_(small.state.statistics, 1.0f);
  const Var x = Var::constant(Tensor::full(context, {1, 2, 2, 3}, 1.0f));
  const std::vector<std::string> order = {"Conv2d",     "BatchNorm2d", "GlobalAvgPool",
                                          "Sequential", "Linear",      "Small"};
  const std::vector<float> plain = small.layer(x).value().to_host();
  {
    Notes outer;
    CHECK(small.layer(x).value().to_host() == plain);
    CHECK(outer.kinds == order);
    {
      Notes inner("GlobalAvgPool");  // the inner one alone sees
      CHECK(small.layer(x).value().to_host() == std::vector<float>(2, 1.0f));  // the bias
      CHECK(inner.kinds == order);
    }
    CHECK(outer.kinds == order);
    small.layer(x);
    CHECK(outer.kinds.size() == 2 * order.size());
  }
  CHECK(small.layer(x).value().to_host() == plain);
}

TEST_CASE("losses: definition and worked examples") {
  testing::Inputs inputs(31);
  const auto logits = inputs.reals({5, 7}), target = inputs.reals({5, 7});
  const std::vector<int32_t> labels = inputs.labels(5, 7);
  testing::on_every_device([&](Context& context) {
    const Var x = Var::constant(testing::to_tensor(context, logits));
    const IndexTensor y = IndexTensor::from(context, labels);
    for (const float smoothing : {0.0f, 0.1f, 1.0f})
      testing::check_close(
          static_cast<double>(cross_entropy(x, y, smoothing).value().item()),
          reference::softmax_cross_entropy(logits, labels, static_cast<double>(smoothing)).loss,
          testing::rounding(7));
    testing::check_close(
        static_cast<double>(mse(x, testing::to_tensor(context, target)).value().item()),
        reference::mse(logits, target), testing::rounding(35));
    // Equal logits: log C, however smooth; one certain and right row: 0, and smoothed
    // e (C - 1) / C * 100.
    const Var equal = Var::constant(Tensor::full(context, {5, 7}, 3.0f));
    CHECK(cross_entropy(equal, y, 0.3f).value().item() == doctest::Approx(std::log(7.0)));
    const std::vector<float> sure = {100, 0, 0, 0};
    const Var certain = Var::constant(Tensor::from(context, {1, 4}, sure));
    const IndexTensor zero = IndexTensor::from(context, std::vector<int32_t>{0});
    CHECK(cross_entropy(certain, zero).value().item() == doctest::Approx(0.0));
    CHECK(cross_entropy(certain, zero, 0.2f).value().item() == doctest::Approx(15.0));
  });
}

}  // namespace
}  // namespace fedcamae
