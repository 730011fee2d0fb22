// fedcamae explain: the LayerCAM heat map of one image, as picture and arrays.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/images.h"
#include "core/error.h"
#include "data/image_io.h"
#include "models/layer_cam.h"

namespace fedcamae {
namespace {

// pytorch-grad-cam's show_cam_on_image: half the colour map, half the image, over its maximum.
Picture overlay(const std::vector<float>& image, const std::vector<float>& map, int64_t size) {
  std::vector<float> mixed(image.size());
  for (size_t pixel = 0; pixel < map.size(); ++pixel) {
    uint8_t color[3];
    jet(map[pixel], color);
    for (size_t c = 0; c < 3; ++c)
      mixed[pixel * 3 + c] =
          0.5f * static_cast<float>(color[c]) / 255.0f + 0.5f * image[pixel * 3 + c];
  }
  const float highest = *std::max_element(mixed.begin(), mixed.end());
  Picture picture{size, size, std::vector<uint8_t>(mixed.size())};
  // Truncated to whole numbers, as its uint8 cast does.
  for (size_t i = 0; i < mixed.size(); ++i)
    picture.pixels[i] = static_cast<uint8_t>(255.0f * mixed[i] / highest);
  return picture;
}

}  // namespace

int explain_command(const ExplainFlags& f) {
  require_range("--size", static_cast<double>(f.size), 1, 8192);
  const std::unique_ptr<Context> context = make_context(f.compute);
  const LoadedModel loaded = open_model(f.model, *context, 0);
  Model& model = *loaded.model;
  std::vector<int32_t> classes;
  if (f.label) {
    require_range("--class", static_cast<double>(*f.label), 0,
                  static_cast<double>(f.model.classes - 1));
    classes.push_back(static_cast<int32_t>(*f.label));
  }
  const Normalization normalization =
      choose_normalization(f.normalization, loaded.info, imagenet_normalization());
  const std::vector<float> image = read_square(f.image, f.size);
  const std::string layer = f.layer.empty() ? model.default_layer() : f.layer;
  const CamResult cam =
      layer_cam(model, network_input(image, f.size, normalization, *context), layer, classes);
  const std::vector<float> map = scale_maps(cam.raw, f.size).to_host();
  const std::vector<float> raw = cam.raw.to_host();
  if (std::any_of(map.begin(), map.end(), [](float v) { return !(v >= 0 && v <= 1); }))
    fail(ErrorKind::kDiverged, "the heat map of {} is not finite; check {}", f.image,
         f.model.weights);

  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(f.out, error);
  if (!fs::is_directory(f.out))
    fail(ErrorKind::kData, "--out: folder {} cannot be made; choose another place", f.out);
  const std::string stem = (fs::path(f.out) / fs::path(f.image).stem()).string();
  write_png(stem + "_overlay.png", overlay(image, map, f.size));
  write_npy(stem + "_map.npy", map, {f.size, f.size});
  write_npy(stem + "_raw.npy", raw, {cam.raw.shape()[1], cam.raw.shape()[2]});
  const auto explained = static_cast<size_t>(cam.classes[0]);
  fmt::print("class {} (logit {:.4f}) at {}\n{}_overlay.png\n{}_map.npy\n{}_raw.npy\n", explained,
             cam.logits.to_host()[explained], layer, stem, stem, stem);
  return 0;
}

}  // namespace fedcamae
