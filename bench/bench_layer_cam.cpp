// What the defence does for one update: take up its state, LayerCAM of a probe batch, heat maps in
// [0, 1] at the images' size.
#include <string>
#include <vector>

#include "bench/repeat.h"
#include "core/random.h"
#include "models/layer_cam.h"

using namespace fedcamae;

namespace {

struct Settings {
  std::string model = "resnet50";
  std::string layer;  // "" = the model's default
  int64_t classes = 100;
  int64_t batch = 8;
  int64_t size = 224;  // pixels a side
  size_t updates = 1;
  bench::Machine machine;
};

class Explainer {
 public:
  explicit Explainer(const Settings& s)
      : context_(s.machine.options()),
        model_({.arch = s.model, .classes = s.classes}, context_),
        layer_(s.layer.empty() ? model_.default_layer() : s.layer) {
    model_.initialize(1);
    for (size_t i = 0; i < s.updates; ++i) updates_.push_back(model_.state());
    Random random({.seed = 1, .purpose = Purpose::kTest});
    std::vector<float> pixels(static_cast<size_t>(s.batch * s.size * s.size * 3));
    for (float& x : pixels) x = static_cast<float>(random.normal());
    for (int64_t i = 0; i < s.batch; ++i) classes_.push_back(static_cast<int32_t>(i % s.classes));
    images_ = Tensor::from(context_, {s.batch, s.size, s.size, 3}, pixels);
  }

  const Context& context() const { return context_; }
  const std::string& layer() const { return layer_; }

  nlohmann::json step() {
    const double seconds = bench::timed(context_, [&] {
      for (const ModelState& update : updates_) {
        const BorrowedState borrowed(model_, update);
        const CamResult result = layer_cam(model_, images_, layer_, classes_);
        scale_maps(result.raw, images_.shape().h());
      }
    });
    return {{"seconds", seconds / static_cast<double>(updates_.size())},
            {"peak_rss_mib", bench::peak_rss_mib()},
            {"peak_pool_mib", bench::peak_pool_mib(context_)}};
  }

 private:
  Context context_;
  Model model_;
  std::string layer_;
  std::vector<ModelState> updates_;
  Tensor images_;
  std::vector<int32_t> classes_;
};

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  Settings s;
  bench::Repeat repeat;
  CLI::App app{"Time of one update's LayerCAM"};
  app.add_option("--model", s.model, "resnet50 | regnet_y_800mf | small_cnn")
      ->capture_default_str();
  app.add_option("--layer", s.layer, "which to explain; the model's default if not given");
  app.add_option("--classes", s.classes, "classes")->capture_default_str();
  app.add_option("--batch", s.batch, "probe images")->capture_default_str();
  app.add_option("--size", s.size, "pixels a side")->capture_default_str();
  app.add_option("--updates", s.updates,
                 "explained one after the other, each with its own state; the time is of one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  s.machine.add_to(app);
  repeat.add_to(app);
  return bench::run_main(app, argc, argv, [&] {
    Explainer explainer(s);
    repeat.run([&] { return explainer.step(); },
               fmt::format("LayerCAM {} {} b{} {}x{}, {}", s.model, explainer.layer(), s.batch,
                           s.size, s.size, s.machine.describe(explainer.context())),
               s.batch);
  });
}
