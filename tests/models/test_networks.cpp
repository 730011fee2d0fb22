// The two networks and small_cnn as wholes: names, sizes, initial distributions, layers, state.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "autograd/functions.h"
#include "core/ops.h"
#include "models/model.h"
#include "models/summary.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

struct Fixture {
  Context context{testing::device_options(1)};
};

// Where only shapes are looked at, any finite numbers do: drawing them takes seconds.
void fill_state(Model& model) {
  ops::fill_(model.parameters(), 0.01f);
  ops::fill_(model.statistics(), 1.0f);
}

TEST_CASE_FIXTURE(Fixture, "parameter counts are torchvision's for 10, 100 and 1000 classes") {
  struct Count {
    std::string arch;
    int64_t classes, parameters;
  };
  for (const Count& c :
       {Count{"resnet50", 10, 23'528'522}, Count{"resnet50", 100, 23'712'932},
        Count{"resnet50", 1000, 25'557'032}, Count{"regnet_y_800mf", 10, 5'655'362},
        Count{"regnet_y_800mf", 100, 5'726'012}, Count{"regnet_y_800mf", 1000, 6'432'512},
        // 432 + 32, 4608 + 64, 18432 + 128, and 64 * 10 + 10
        Count{"small_cnn", 10, 24'346}}) {
    CAPTURE(c.arch);
    CHECK(Model({c.arch, c.classes}, context).parameter_count() == c.parameters);
  }
}

TEST_CASE_FIXTURE(Fixture, "names, order and shapes of the state are torchvision's") {
  for (const std::string arch : {"resnet50", "regnet_y_800mf"}) {
    const Model model({arch, 1000}, context);
    std::ifstream in(std::string(FEDCAMAE_TEST_DATA) + "/" + arch + "_state.txt");
    size_t i = 0;
    for (std::string line; std::getline(in, line); ++i) {
      std::istringstream words(line);
      std::string name;
      std::vector<int64_t> shape;
      words >> name;
      for (int64_t d = 0; words >> d;) shape.push_back(d);
      CAPTURE(name);
      REQUIRE(i < model.entries().size());
      CHECK(model.entries()[i].name == name);
      CHECK(model.entries()[i].torch_shape == shape);
    }
    CHECK(i == model.entries().size());
    CHECK(i > 300);
  }
}

TEST_CASE_FIXTURE(Fixture, "unknown networks and impossible sizes are errors of usage") {
  const auto kind_of = [&](const ModelSpec& spec) {
    try {
      const Model model(spec, context);
    } catch (const Error& error) {
      return std::pair(error.kind(), std::string(error.what()));
    }
    return std::pair(ErrorKind::kUnexpected, std::string("no error"));
  };
  CHECK(kind_of({"resnet5", 10}).first == ErrorKind::kUsage);
  CHECK(kind_of({"resnet5", 10}).second.find("did you mean 'resnet50'?") != std::string::npos);
  CHECK(kind_of({"", 10}).first == ErrorKind::kUsage);
  CHECK(kind_of({"resnet50", 0}).first == ErrorKind::kUsage);
  CHECK(kind_of({"resnet50", -1}).first == ErrorKind::kUsage);
  for (const ArchInfo& info : architectures()) CHECK_NOTHROW(Model({info.name, 2}, context));
}

// Standard errors that a sample's mean or variance may lie from the distribution's; some thousand
// tensors are looked at.
constexpr double kSigmas = 6.0;

void check_moments(const std::vector<float>& x, double deviation, bool uniform) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const float v : x) mean += static_cast<double>(v) / n;
  for (const float v : x) {
    const double d = static_cast<double>(v) - mean;
    variance += d * d / n;
  }
  CHECK(std::abs(mean) <= kSigmas * deviation / std::sqrt(n));
  // The variance of a variance; kurtosis 3 or 9/5. The mean that was taken off is 1 / n.
  const double allowed = kSigmas * std::sqrt((uniform ? 0.8 : 2.0) / n) + 1 / n;
  CHECK(std::abs(variance / (deviation * deviation) - 1) <= allowed);
}

// torchvision: convolutions normal by fan-out, batch norms 1 and 0; PyTorch's defaults where
// torchvision sets nothing (the biases in squeeze-and-excite, the head of ResNet); RegNet's head.
void check_initial(const Model& model, const StateEntry& entry, const std::vector<float>& x) {
  const std::vector<int64_t>& s = entry.torch_shape;
  const bool regnet = model.spec().arch == "regnet_y_800mf";
  if (s.size() == 4) {
    check_moments(x, std::sqrt(2.0 / static_cast<double>(s[0] * s[2] * s[3])), false);
  } else if (entry.name == "fc.weight" && regnet) {
    check_moments(x, 0.01, false);
  } else if (entry.name.starts_with("fc.") && !regnet) {
    const auto in = static_cast<double>(model.entries()[model.entries().size() - 2].torch_shape[1]);
    check_moments(x, 1 / std::sqrt(3 * in), true);
  } else if (entry.name.ends_with("fc1.bias") || entry.name.ends_with("fc2.bias")) {
    const StateEntry& weight = *(&entry - 1);
    check_moments(x, 1 / std::sqrt(3 * static_cast<double>(weight.torch_shape[1])), true);
  } else {
    const bool one = entry.name.ends_with("weight") || entry.name.ends_with("running_var");
    CHECK(x == std::vector<float>(x.size(), one ? 1.0f : 0.0f));
  }
}

TEST_CASE_FIXTURE(Fixture, "every tensor begins with torchvision's distribution") {
  for (const ArchInfo& info : architectures()) {
    Model model({info.name, 100}, context);
    model.initialize(3);
    const std::vector<float> parameters = model.parameters().to_host(),
                             statistics = model.statistics().to_host();
    for (const StateEntry& entry : model.entries()) {
      CAPTURE(entry.name);
      if (entry.kind == EntryKind::kCounter) continue;
      const auto& flat = entry.kind == EntryKind::kParameter ? parameters : statistics;
      const auto begin = flat.begin() + entry.offset;
      check_initial(model, entry, {begin, begin + entry.shape.size()});
    }
    for (const int64_t count : model.counters()) CHECK(count == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "a seed gives the same weights on any context, another seed others") {
  Context other(testing::device_options(3));
  Model a({"small_cnn", 10}, context), b({"small_cnn", 10}, other);
  a.initialize(7);
  b.initialize(7);
  testing::check_same_bits(a.parameters(), b.parameters());
  testing::check_same_bits(a.statistics(), b.statistics());
  b.initialize(8);
  CHECK(a.parameters().to_host() != b.parameters().to_host());
}

TEST_CASE_FIXTURE(Fixture, "the summary has the published multiply-adds and feature sizes") {
  // torchvision's model pages give 4.09 and 0.83 GFLOPS (multiply-adds) at 224x224.
  struct Published {
    std::string arch;
    double giga;
  };
  for (const Published& p : {Published{"resnet50", 4.09}, Published{"regnet_y_800mf", 0.83}}) {
    CAPTURE(p.arch);
    Model model({p.arch, 1000}, context);
    fill_state(model);
    const ModelSummary s = summarize(model, 224, 224);
    CHECK(std::abs(static_cast<double>(s.macs) / 1e9 - p.giga) <= 0.005);
    CHECK(s.parameters == model.parameter_count());
    CHECK(s.taps.size() == model.layers().size());
    for (size_t i = 0; i < s.taps.size(); ++i) CHECK(s.taps[i].path == model.layers()[i]);
    CHECK(!model.training());
  }
}

// From the definition: k * k * in * out a pixel.
TEST_CASE_FIXTURE(Fixture, "the summary of small_cnn, worked by hand") {
  Model model({"small_cnn", 10}, context);
  model.initialize(1);
  model.set_training(true);
  const ModelSummary s = summarize(model, 32, 48);
  CHECK(model.training());
  CHECK(s.macs == 32 * 48 * 27 * 16 + 16 * 24 * 144 * 32 + 8 * 12 * 288 * 64 + 640);
  std::vector<std::string> paths;
  for (const SummaryRow& row : s.rows) paths.push_back(row.path + " " + row.output.str());
  CHECK(paths == std::vector<std::string>{"conv1 [1, 32, 48, 16]", "bn1 [1, 32, 48, 16]",
                                          "pool [1, 16, 24, 16]", "conv2 [1, 16, 24, 32]",
                                          "bn2 [1, 16, 24, 32]", "pool [1, 8, 12, 32]",
                                          "conv3 [1, 8, 12, 64]", "bn3 [1, 8, 12, 64]",
                                          "avgpool [1, 64]", "fc [1, 10]"});
}

struct Tap {
  std::string layer;
  int64_t stride, channels;
};
const Tap kResNetTaps[] = {{"layer1", 4, 256},     {"layer1.0", 4, 256}, {"layer2", 8, 512},
                           {"layer3.5", 16, 1024}, {"layer4", 32, 2048}, {"layer4.2", 32, 2048}};
const Tap kRegNetTaps[] = {{"trunk_output", 32, 784},
                           {"trunk_output.block1", 4, 64},
                           {"trunk_output.block2.block2-1", 8, 144},
                           {"trunk_output.block3", 16, 320},
                           {"trunk_output.block3.block3-7", 16, 320},
                           {"trunk_output.block4", 32, 784}};
const Tap kSmallTaps[] = {{"conv1", 1, 16}, {"conv2", 2, 32}, {"conv3", 4, 64}};

TEST_CASE_FIXTURE(Fixture, "tapped layers: sizes, the same logits, the gradient stops there") {
  struct Case {
    std::string arch;
    std::span<const Tap> taps;
    std::string usual;
    size_t layers;
  };
  for (const Case& c : {Case{"resnet50", kResNetTaps, "layer4", 20},
                        Case{"regnet_y_800mf", kRegNetTaps, "trunk_output", 19},
                        Case{"small_cnn", kSmallTaps, "conv3", 3}}) {
    CAPTURE(c.arch);
    Model model({c.arch, 5}, context);
    fill_state(model);
    CHECK(model.default_layer() == c.usual);
    CHECK(model.layers().size() == c.layers);
    ops::fill_(model.gradients(), -7.0f);
    testing::Inputs inputs(3);
    const Tensor x = testing::to_tensor(context, inputs.reals({1, 32, 64, 3}));
    const Tensor logits = model.forward(x).value();
    for (const Tap& tap : c.taps) {
      CAPTURE(tap.layer);
      const Model::Tapped t = model.forward_tapped(x, tap.layer);
      CHECK(t.activation.shape() == Shape{1, 32 / tap.stride, 64 / tap.stride, tap.channels});
      testing::check_same_bits(t.logits.value(), logits);
      CHECK(gradients(t.logits, {{t.activation}})[0].shape() == t.activation.shape());
      CHECK(!NoGrad::active());
    }
    testing::check_equal(model.gradients(),
                         testing::Array<double>({model.parameter_count()}, -7.0));
  }
}

TEST_CASE_FIXTURE(Fixture, "tapping is evaluation, and leaves the training mode as it was") {
  Model model({"small_cnn", 5}, context);
  model.initialize(2);
  model.set_training(true);
  const ModelState before = model.state();
  const Tensor x = Tensor::full(context, {2, 8, 8, 3}, 0.5f);
  model.forward_tapped(x, "conv2");
  CHECK(model.training());
  testing::check_same_bits(model.statistics(), before.statistics);
  CHECK(model.counters() == before.counters);
  try {
    model.forward_tapped(x, "conv4");
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK(std::string(error.what()).find("did you mean 'conv") != std::string::npos);
  }
  CHECK_THROWS_AS(model.forward(Tensor::zeros(context, {2, 8, 8, 1})), Error);
  CHECK_THROWS_AS(model.forward(Tensor::zeros(context, {8, 8, 3})), Error);
  CHECK_THROWS_AS(model.forward(Tensor()), Error);
}

TEST_CASE_FIXTURE(Fixture, "a state is a copy; setting it makes another model the same") {
  Model model({"small_cnn", 5}, context);
  model.initialize(2);
  model.set_training(true);
  testing::Inputs inputs(4);
  const Tensor x = testing::to_tensor(context, inputs.reals({2, 8, 8, 3}));
  model.forward(x);  // moves statistics and counters
  const ModelState state = model.state();
  CHECK(state.counters == std::vector<int64_t>{1, 1, 1});
  const ModelState clone = state.clone();
  CHECK(clone.parameters.data() != state.parameters.data());

  Context elsewhere(testing::device_options(1));
  Model other({"small_cnn", 5}, elsewhere);
  other.initialize(9);
  other.set_state(state.to(elsewhere));
  model.set_training(false);
  testing::check_same_bits(other.forward(x.to(elsewhere)).value(), model.forward(x).value());
  CHECK(other.counters() == state.counters);
  other.set_training(true);
  other.forward(x.to(elsewhere));
  CHECK(other.counters() == std::vector<int64_t>{2, 2, 2});  // still bound to the layers

  ops::fill_(model.parameters(), 0.0f);
  testing::check_same_bits(state.parameters, clone.parameters);
  Model wider({"small_cnn", 6}, context);
  CHECK_THROWS_AS(wider.set_state(state), Error);
  ModelState broken = state;
  broken.counters.pop_back();
  CHECK_THROWS_AS(model.set_state(broken), Error);
}

}  // namespace
}  // namespace fedcamae
