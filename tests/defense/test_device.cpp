// Heat maps and their autoencoder on the device under test against the CPU.
#include <doctest/doctest.h>

#include <cmath>

#include "core/ops.h"
#include "defense/autoencoder.h"
#include "defense/grad_cam.h"
#include "models/layer_cam.h"
#include "tests/models/golden.h"
#include "tests/support/devices.h"

namespace fedcamae {
namespace {

// Of numbers in [0, 1], behind a network's forward and backward pass in float32.
constexpr double kMap = 1e-4;
// Relative, after some epochs of training, each step a little off from the last.
constexpr double kLoss = 1e-3;

struct Maps {
  std::vector<int32_t> classes;
  std::vector<float> logits, scaled;
};

struct Case {
  std::string arch, layer;
  int64_t side;  // of the images; the map of one pixel would be blank
};

Maps maps_on(const ContextOptions& options, const Case& c, CamMethod method) {
  Context context(options);
  const auto model = testing::reference_model(c.arch, 5, context);
  const auto batch = testing::reference_batch(2, c.side, c.side, 5, context);
  const CamResult cam = method == CamMethod::kGradCam ? grad_cam(*model, batch.images, c.layer)
                                                      : layer_cam(*model, batch.images, c.layer);
  return {cam.classes, cam.logits.to_host(), scale_maps(cam.raw, 20).to_host()};
}

TEST_CASE("heat maps on the device are those of the CPU") {
  if (testing::skip_on_cpu()) return;
  for (const CamMethod method : {CamMethod::kLayerCam, CamMethod::kGradCam})
    for (const Case& c :
         {Case{"small_cnn", "conv3", 32}, Case{"small_cnn", "conv1", 32},
          Case{"tiny_resnet", "layer3", 32}, Case{"tiny_regnet", "trunk_output", 64}}) {
      CAPTURE(c.arch);
      CAPTURE(c.layer);
      const Maps device = maps_on(testing::device_options(1), c, method);
      const Maps cpu = maps_on(testing::cpu_options(2), c, method);
      CHECK(device.classes == cpu.classes);
      CHECK(testing::largest_difference(device.logits, cpu.logits) <=
            kMap * testing::largest_magnitude(cpu.logits));
      CHECK(testing::largest_difference(device.scaled, cpu.scaled) <= kMap);
      CHECK(testing::largest_magnitude(cpu.scaled) > 0.99);  // not blank
    }
}

TEST_CASE("the autoencoder learns on the device what it learns on the CPU") {
  if (testing::skip_on_cpu()) return;
  struct Learned {
    std::vector<double> losses, errors;
  };
  const auto learn = [](const ContextOptions& options) {
    Context context(options);
    const int64_t rows = 5, pixels = 100;
    Random random({.seed = 12});
    std::vector<float> numbers(static_cast<size_t>(rows * pixels));
    for (float& v : numbers) v = static_cast<float>(random.uniform());
    const Tensor maps = Tensor::from(context, {rows, pixels}, numbers);
    Autoencoder autoencoder(pixels, {.hidden = {16, 8}, .epochs = 40, .lr = 1e-2}, context);
    autoencoder.initialize({.seed = 3});
    const std::vector<double> losses = autoencoder.train(maps);
    return Learned{losses, row_errors(maps, autoencoder.reconstruct(maps))};
  };
  const Learned device = learn(testing::device_options(1)), cpu = learn(testing::cpu_options(2));
  for (size_t i = 0; i < cpu.losses.size(); ++i)
    CHECK(std::abs(device.losses[i] - cpu.losses[i]) <= kLoss * cpu.losses[i]);
  for (size_t i = 0; i < cpu.errors.size(); ++i)
    CHECK(std::abs(device.errors[i] - cpu.errors[i]) <= kLoss * cpu.errors[i]);
  CHECK(cpu.losses.back() < 0.5 * cpu.losses.front());
}

}  // namespace
}  // namespace fedcamae
