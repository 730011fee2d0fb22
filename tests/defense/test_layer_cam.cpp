// Heat maps against pytorch-grad-cam 1.4.8 (tools/make_layer_cam_golden.py) and, at the last layer,
// against their closed form.
#include "defense/layer_cam.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "autograd/functions.h"
#include "tests/models/golden.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// Raw maps: of the largest number; scaled maps lie in [0, 1]. float32 through some tens of layers;
// PyTorch's own float32 is up to 1e-6 away from the dumps, which are float64.
constexpr double kMap = 1e-5;

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

std::unique_ptr<Model> golden_model(const std::string& arch, const SafeTensors& golden,
                                    Context& context) {
  return testing::reference_model(arch, std::stoll(golden.metadata().at("classes")), context);
}

testing::ReferenceBatch golden_batch(const SafeTensors& golden, Context& context) {
  const auto& m = golden.metadata();
  const int64_t side = std::stoll(m.at("side"));
  return testing::reference_batch(std::stoll(m.at("batch")), side, side,
                                  std::stoll(m.at("classes")), context);
}

void check_raw(const SafeTensors& golden, const std::string& name, const Tensor& raw) {
  CAPTURE(name);
  const auto& shape = golden.tensors().at(name + ".raw").shape;
  REQUIRE(raw.shape() == Shape{shape[0], shape[1], shape[2]});
  const std::vector<float> expected = golden.floats(name + ".raw");
  CHECK(testing::largest_difference(raw.to_host(), expected) <=
        kMap * testing::largest_magnitude(expected));
}

void check_architecture(const std::string& arch) {
  CAPTURE(arch);
  const SafeTensors golden = testing::read_golden("layer_cam_" + arch + ".safetensors");
  Context context(testing::device_options(2));
  const std::unique_ptr<Model> model = golden_model(arch, golden, context);
  const testing::ReferenceBatch batch = golden_batch(golden, context);
  const std::vector<int32_t> labels = batch.labels.to_host();
  for (const std::string& layer : words(golden.metadata().at("layers"))) {
    const LayerCamResult cam = layer_cam(*model, batch.images, layer, labels);
    CHECK(cam.classes == labels);
    check_raw(golden, layer, cam.raw);
    if (golden.tensors().count(layer + ".scaled") == 0) continue;
    const int64_t side = batch.images.shape().h(), last = batch.images.shape().n() - 1;
    const Tensor scaled = scale_maps(cam.raw, side);
    CHECK(testing::largest_difference(scaled.window(last * side * side, {side, side}).to_host(),
                                      golden.floats(layer + ".scaled")) <= kMap);
  }
  const LayerCamResult cam = layer_cam(*model, batch.images, model->default_layer());
  check_raw(golden, "argmax", cam.raw);
  const std::vector<int64_t> classes = golden.integers("argmax.classes");
  CHECK(std::equal(classes.begin(), classes.end(), cam.classes.begin(), cam.classes.end()));
}

// Only global pooling and one linear layer follow the last layer, so the map is
// sum_k max(W[c, k], 0) A_k / (h w). In double from the model's own activation.
void check_closed_form(const std::string& arch, int64_t side) {
  CAPTURE(arch);
  Context context(testing::device_options(2));
  const std::unique_ptr<Model> model = testing::reference_model(arch, 6, context);
  const testing::ReferenceBatch batch = testing::reference_batch(2, side, side, 6, context);
  const std::string layer = model->default_layer();
  const std::vector<int32_t> classes = {4, 1};
  const LayerCamResult cam = layer_cam(*model, batch.images, layer, classes);

  const Tensor activation = model->forward_tapped(batch.images, layer).activation.value();
  const Shape& s = activation.shape();
  const std::vector<float> a = activation.to_host();
  std::vector<float> weight;
  for (const StateEntry& entry : model->entries())
    if (entry.name == "fc.weight") weight = testing::entry_values(entry, model->parameters());
  REQUIRE(static_cast<int64_t>(weight.size()) == 6 * s.c());
  std::vector<float> expected;
  const int64_t pixels = s.h() * s.w();
  for (int64_t n = 0; n < s.n(); ++n)
    for (int64_t p = 0; p < pixels; ++p) {
      double sum = 0;
      for (int64_t k = 0; k < s.c(); ++k) {
        const auto w = static_cast<size_t>(classes[static_cast<size_t>(n)] * s.c() + k);
        sum += std::max(0.0, static_cast<double>(weight[w])) *
               static_cast<double>(a[static_cast<size_t>((n * pixels + p) * s.c() + k)]);
      }
      expected.push_back(static_cast<float>(sum / static_cast<double>(pixels)));
    }
  REQUIRE(testing::largest_magnitude(expected) > 0);
  CHECK(testing::largest_difference(cam.raw.to_host(), expected) <=
        kMap * testing::largest_magnitude(expected));
}

TEST_CASE("maps of every layer are pytorch-grad-cam's") {
  for (const char* arch : {"small_cnn", "tiny_resnet", "tiny_regnet"}) check_architecture(arch);
}

TEST_CASE("the last layer's map has its closed form") {
  check_closed_form("small_cnn", 20);
  check_closed_form("tiny_resnet", 72);
  check_closed_form("tiny_regnet", 72);
}

TEST_SUITE("slow") {
  TEST_CASE("the full networks' maps are pytorch-grad-cam's") {
    for (const char* arch : {"resnet50", "regnet_y_800mf"}) check_architecture(arch);
  }
  TEST_CASE("the full networks' last maps have their closed form") {
    for (const char* arch : {"resnet50", "regnet_y_800mf"}) check_closed_form(arch, 224);
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
  const LayerCamResult cam = layer_cam(*model, batch.images, "conv2");
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
      if (!same_or_both_nan(got[i], expected[i], kMap)) ++wrong;
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
