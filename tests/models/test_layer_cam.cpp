// Heat maps against pytorch-grad-cam 1.4.8 (tools/make_layer_cam_golden.py) and, at the last layer,
// against their closed form.
#include "models/layer_cam.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/functions.h"
#include "tests/models/cam_support.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

void check_architecture(const std::string& arch) {
  CAPTURE(arch);
  const SafeTensors golden = testing::read_golden("layer_cam_" + arch + ".safetensors");
  Context context(testing::device_options(2));
  const std::unique_ptr<Model> model = testing::golden_model(arch, golden, context);
  const testing::ReferenceBatch batch = testing::golden_batch(golden, context);
  const std::vector<int32_t> labels = batch.labels.to_host();
  for (const std::string& layer : testing::words(golden.metadata().at("layers"))) {
    const CamResult cam = layer_cam(*model, batch.images, layer, labels);
    CHECK(cam.classes == labels);
    testing::check_raw(golden, layer, cam.raw);
    if (golden.tensors().count(layer + ".scaled") == 0) continue;
    const int64_t side = batch.images.shape().h(), last = batch.images.shape().n() - 1;
    const Tensor scaled = scale_maps(cam.raw, side);
    CHECK(testing::largest_difference(scaled.window(last * side * side, {side, side}).to_host(),
                                      golden.floats(layer + ".scaled")) <= testing::kMap);
  }
  const CamResult cam = layer_cam(*model, batch.images, model->default_layer());
  testing::check_raw(golden, "argmax", cam.raw);
  const std::vector<int64_t> classes = golden.integers("argmax.classes");
  CHECK(std::equal(classes.begin(), classes.end(), cam.classes.begin(), cam.classes.end()));
}

// At the last layer negative weights do not count.
void check_last(const std::string& arch, int64_t side) {
  testing::check_closed_form(layer_cam, arch, side,
                             [](double weight) { return std::max(0.0, weight); });
}

TEST_CASE("maps of every layer are pytorch-grad-cam's") {
  for (const char* arch : {"small_cnn", "tiny_resnet", "tiny_regnet"}) check_architecture(arch);
}

TEST_CASE("the last layer's map has its closed form") {
  check_last("small_cnn", 20);
  check_last("tiny_resnet", 72);
  check_last("tiny_regnet", 72);
}

TEST_SUITE("slow") {
  TEST_CASE("the full networks' maps are pytorch-grad-cam's") {
    for (const char* arch : {"resnet50", "regnet_y_800mf"}) check_architecture(arch);
  }
  TEST_CASE("the full networks' last maps have their closed form") {
    for (const char* arch : {"resnet50", "regnet_y_800mf"}) check_last(arch, 224);
  }
}

TEST_CASE("the model stays as it was, also where the caller records nothing") {
  Context context(testing::device_options(1));
  const std::unique_ptr<Model> model = testing::reference_model("small_cnn", 4, context);
  const testing::ReferenceBatch batch = testing::reference_batch(3, 12, 12, 4, context);
  const ModelState before = model->state();
  const Tensor evaluated = layer_cam(*model, batch.images, "conv2").raw;
  CHECK_FALSE(model->training());
  model->set_training(true);
  ops::fill_(model->gradients(), 7.0f);
  const NoGrad no_grad;
  const CamResult cam = layer_cam(*model, batch.images, "conv2");
  CHECK(model->training());
  testing::check_same_bits(cam.raw, evaluated);
  testing::check_same_bits(model->parameters(), before.parameters);
  testing::check_same_bits(model->statistics(), before.statistics);
  CHECK(model->counters() == before.counters);
  for (const float g : model->gradients().to_host()) REQUIRE(g == 7.0f);
}

TEST_CASE("the same bits for any number of threads") {
  std::vector<std::vector<float>> maps;
  for (const int threads : {1, 3}) {
    Context context(testing::device_options(threads));
    const std::unique_ptr<Model> model = testing::reference_model("tiny_regnet", 4, context);
    const testing::ReferenceBatch batch = testing::reference_batch(1, 64, 64, 4, context);
    const Tensor raw = layer_cam(*model, batch.images, "trunk_output.block2").raw;
    maps.push_back(scale_maps(raw, 14).to_host());
  }
  CHECK(maps[0] == maps[1]);
}

TEST_CASE("wrong layers and classes are errors") {
  Context context(testing::device_options(1));
  const std::unique_ptr<Model> model = testing::reference_model("small_cnn", 4, context);
  const testing::ReferenceBatch batch = testing::reference_batch(2, 8, 8, 4, context);
  CHECK_THROWS_AS(layer_cam(*model, batch.images, "conv9"), Error);
  CHECK_THROWS_AS(layer_cam(*model, batch.images, "conv3", {1}), Error);
  CHECK_THROWS_AS(layer_cam(*model, batch.images, "conv3", {1, 4}), Error);
}

bool same_or_both_nan(float a, float b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::abs(static_cast<double>(a) - static_cast<double>(b)) <= tolerance;
}

TEST_CASE("maps are scaled as pytorch-grad-cam scales them, NaN and infinity included") {
  const SafeTensors golden = testing::read_golden("layer_cam_scale.safetensors");
  for (const std::string name : {"up", "down", "same"}) {
    CAPTURE(name);
    const auto& in = golden.tensors().at(name + ".raw").shape;
    const int64_t side = golden.tensors().at(name + ".scaled").shape[1];
    Context context(testing::device_options(2));
    const Tensor raw = Tensor::from(context, {in[0], in[1], in[2]}, golden.floats(name + ".raw"));
    const Tensor scaled = scale_maps(raw, side);
    REQUIRE(scaled.shape() == Shape{in[0], side, side});
    const std::vector<float> got = scaled.to_host(), expected = golden.floats(name + ".scaled");
    size_t wrong = 0;
    for (size_t i = 0; i < got.size(); ++i)
      if (!same_or_both_nan(got[i], expected[i], testing::kMap)) ++wrong;
    CHECK(wrong == 0);
  }
}

TEST_CASE("a constant map gives zeros, one NaN fills its map and no other") {
  Context context(testing::device_options(1));
  std::vector<float> maps(3 * 16, 0.375f);
  for (size_t i = 0; i < 16; ++i) maps[32 + i] = static_cast<float>(i);
  maps[16 + 5] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> scaled = scale_maps(Tensor::from(context, {3, 4, 4}, maps), 6).to_host();
  for (size_t i = 0; i < 36; ++i) {
    CHECK(scaled[i] == 0.0f);
    CHECK(std::isnan(scaled[36 + i]));
    CHECK((scaled[72 + i] >= 0.0f && scaled[72 + i] <= 1.0f));
  }
}

}  // namespace
}  // namespace fedcamae
