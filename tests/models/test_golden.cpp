// Small committed dumps of PyTorch in float64: evaluation, one training step, a tapped layer. The
// tiny networks are torchvision's blocks at other sizes; the full ones run on small images.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functions.h"
#include "tests/models/golden.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

using testing::ReferenceBatch;

// Of the largest logit.
constexpr double kLogits = 1e-4;
// Our float32 rounds elsewhere than PyTorch's, so its distance from float64, taken over a whole
// tensor, is a measure of ours and not a bound.
constexpr double kTimesTorch = 8.0;

struct Case {
  std::string arch;
  // Relative to a tensor's norm. A ReLU whose input is rounded to the other side of zero moves the
  // gradients of the full networks, which have few pixels in their last stages, by percents (the
  // dumps: up to 3 %); those of the tiny ones stay at the level of rounding (up to 1e-5).
  double noise;
};
const Case kCases[] = {{"small_cnn", 1e-5},
                       {"tiny_resnet", 1e-4},
                       {"tiny_regnet", 1e-4},
                       {"resnet50", 0.1},
                       {"regnet_y_800mf", 0.1}};

int64_t number(const SafeTensors& golden, const std::string& key) {
  return std::stoll(golden.metadata().at(key));
}

struct Loaded {
  SafeTensors golden;
  std::unique_ptr<Model> model;
  ReferenceBatch batch;
};
Loaded load(const std::string& arch, Context& context) {
  SafeTensors golden = testing::read_golden(arch + ".safetensors");
  const int64_t classes = number(golden, "classes");
  return {golden, testing::reference_model(arch, classes, context),
          testing::reference_batch(number(golden, "batch"), number(golden, "height"),
                                   number(golden, "width"), classes, context)};
}

// Tensor `s` of the group `prefix` of a dump against all its numbers.
void check_tensor(const SafeTensors& golden, const std::string& prefix, size_t s,
                  const std::vector<float>& values, double noise) {
  const std::vector<float> expected = golden.floats(prefix + ".samples");
  const auto norm = static_cast<double>(golden.floats(prefix + ".norm")[s]);
  const auto distance = static_cast<double>(golden.floats(prefix + ".distance")[s]);
  const int64_t samples = golden.tensors().at(prefix + ".samples").shape[1];
  const auto size = static_cast<double>(values.size());

  CHECK(std::abs(testing::euclidean_norm(values) - norm) <= noise * norm + kTimesTorch * distance);
  std::vector<float> got, wanted;
  size_t j = s * static_cast<size_t>(samples);
  for (const size_t at :
       testing::sample_positions(s, static_cast<int64_t>(values.size()), samples)) {
    got.push_back(values[at]);
    wanted.push_back(expected[j++]);
  }
  const double typical = norm * std::sqrt(static_cast<double>(samples) / size);
  CHECK(testing::euclidean_distance(got, wanted) <= noise * typical + kTimesTorch * distance);
}

TEST_CASE("logits in evaluation mode are PyTorch's") {
  for (const Case& c : kCases) {
    CAPTURE(c.arch);
    Context context(testing::device_options(2));
    const Loaded l = load(c.arch, context);
    const NoGrad no_grad;
    const std::vector<float> expected = l.golden.floats("logits");
    const std::vector<float> logits = l.model->forward(l.batch.images).value().to_host();
    CHECK(testing::largest_difference(logits, expected) <=
          kLogits * testing::largest_magnitude(expected));
  }
}

TEST_CASE("a training step has PyTorch's loss, gradients and statistics") {
  for (const Case& c : kCases) {
    CAPTURE(c.arch);
    Context context(testing::device_options(2));
    const Loaded l = load(c.arch, context);
    const double loss = testing::training_step(*l.model, l.batch);
    const auto expected = static_cast<double>(l.golden.floats("loss")[0]);
    CHECK(std::abs(loss - expected) <= kLogits * expected);
    size_t s = 0;
    for (const StateEntry& entry : testing::entries_of(*l.model, EntryKind::kParameter)) {
      CAPTURE(entry.name);
      check_tensor(l.golden, "gradients", s++, testing::entry_values(entry, l.model->gradients()),
                   c.noise);
    }
    s = 0;
    for (const StateEntry& entry : testing::entries_of(*l.model, EntryKind::kStatistic)) {
      CAPTURE(entry.name);
      check_tensor(l.golden, "statistics", s++, testing::entry_values(entry, l.model->statistics()),
                   kLogits);
    }
    for (const int64_t count : l.model->counters()) CHECK(count == 4);  // 3 before
  }
}

TEST_CASE("a tapped layer has PyTorch's activation and gradient") {
  for (const Case& c : kCases) {
    CAPTURE(c.arch);
    Context context(testing::device_options(2));
    const Loaded l = load(c.arch, context);
    const std::string layer = l.golden.metadata().at("tap");
    if (layer.empty()) continue;
    const Model::Tapped tapped = l.model->forward_tapped(l.batch.images, layer);
    const Var score = pick_and_sum(tapped.logits, l.batch.labels);
    const std::vector<Tensor> gradient = gradients(score, {{tapped.activation}});
    check_tensor(l.golden, "tapped", 0, tapped.activation.value().to_host(), c.noise);
    check_tensor(l.golden, "tapped", 1, gradient[0].to_host(), c.noise);
  }
}

}  // namespace
}  // namespace fedcamae
