// Grad-CAM maps against pytorch-grad-cam 1.4.8 (tools/make_grad_cam_golden.py) and, at the last
// layer, against their closed form.
#include "defense/grad_cam.h"

#include <doctest/doctest.h>

#include "models/layer_cam.h"
#include "tests/models/cam_support.h"
#include "tests/support/compare.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// At the last layer negative weights count in full.
void check_last(const std::string& arch, int64_t side) {
  testing::check_closed_form(grad_cam, arch, side, [](double weight) { return weight; });
}

TEST_CASE("maps of every layer are pytorch-grad-cam's") {
  for (const std::string arch : {"small_cnn", "tiny_resnet", "tiny_regnet"}) {
    CAPTURE(arch);
    const SafeTensors golden = testing::read_golden("grad_cam_" + arch + ".safetensors");
    Context context(testing::device_options(2));
    const std::unique_ptr<Model> model = testing::golden_model(arch, golden, context);
    const testing::ReferenceBatch batch = testing::golden_batch(golden, context);
    const std::vector<int32_t> labels = batch.labels.to_host();
    for (const std::string& layer : testing::words(golden.metadata().at("layers"))) {
      const CamResult cam = grad_cam(*model, batch.images, layer, labels);
      CHECK(cam.classes == labels);
      testing::check_raw(golden, layer, cam.raw);
    }
  }
}

TEST_CASE("the last layer's map has its closed form") {
  check_last("small_cnn", 20);
  check_last("tiny_resnet", 72);
  check_last("tiny_regnet", 72);
}

TEST_CASE("logits and classes are LayerCAM's, the map is not") {
  Context context(testing::device_options(1));
  const std::unique_ptr<Model> model = testing::reference_model("small_cnn", 4, context);
  const testing::ReferenceBatch batch = testing::reference_batch(3, 12, 12, 4, context);
  const CamResult grad = grad_cam(*model, batch.images, "conv2"),
                  layer = layer_cam(*model, batch.images, "conv2");
  CHECK(grad.classes == layer.classes);
  testing::check_same_bits(grad.logits, layer.logits);
  CHECK(testing::largest_difference(grad.raw.to_host(), layer.raw.to_host()) > 1e-3f);
}

TEST_CASE("the same bits for any number of threads") {
  std::vector<std::vector<float>> maps;
  for (const int threads : {1, 3}) {
    Context context(testing::device_options(threads));
    const std::unique_ptr<Model> model = testing::reference_model("tiny_regnet", 4, context);
    const testing::ReferenceBatch batch = testing::reference_batch(1, 64, 64, 4, context);
    maps.push_back(grad_cam(*model, batch.images, "trunk_output.block2").raw.to_host());
  }
  CHECK(maps[0] == maps[1]);
}

}  // namespace
}  // namespace fedcamae
