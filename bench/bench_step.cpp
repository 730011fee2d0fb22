// Whole training steps on random images: forward, cross-entropy, backward, optimiser. With --eval
// the logits of one batch in evaluation mode instead.
#include <string>
#include <vector>

#include "bench/repeat.h"
#include "core/random.h"
#include "layers/losses.h"
#include "layers/optimizer.h"
#include "models/model.h"

using namespace fedcamae;

namespace {

struct Settings {
  std::string model = "resnet50";
  std::string optimizer = "adam";
  int64_t classes = 100;
  int64_t batch = 64;
  int64_t size = 32;  // pixels a side
  bool eval = false;
  bench::Machine machine;
};

class Trainer {
 public:
  explicit Trainer(const Settings& s)
      : context_(s.machine.options()),
        model_({.arch = s.model, .classes = s.classes}, context_),
        optimizer_((model_.initialize(1), OptimizerSpec{.type = s.optimizer, .lr = 1e-4}),
                   model_.parameters(), model_.gradients()) {
    model_.set_training(!s.eval);
    Random random({.seed = 1, .purpose = Purpose::kTest});
    std::vector<float> pixels(static_cast<size_t>(s.batch * s.size * s.size * 3));
    for (float& x : pixels) x = static_cast<float>(random.normal());
    std::vector<int32_t> labels(static_cast<size_t>(s.batch));
    for (int32_t& label : labels)
      label = static_cast<int32_t>(random.below(static_cast<uint64_t>(s.classes)));
    images_ = Tensor::from(context_, {s.batch, s.size, s.size, 3}, pixels);
    labels_ = IndexTensor::from(context_, labels);
  }

  const Context& context() const { return context_; }

  // One line: the wall time of this step, its loss, and what memory it has taken.
  nlohmann::json step() {
    float value = 0;
    const double seconds =
        bench::timed(context_, [&] { value = model_.training() ? train() : evaluate(); });
    return {{"seconds", seconds},
            {"loss", value},
            {"peak_rss_mib", bench::peak_rss_mib()},
            {"peak_pool_mib", bench::peak_pool_mib(context_)},
            {"system_allocations", context_.pool_stats().system_allocations}};
  }

 private:
  float train() {
    const Var loss = cross_entropy(model_.forward(images_), labels_);
    optimizer_.backward_and_step(loss, 1e-4);
    return loss.value().item();
  }
  float evaluate() {
    const NoGrad no_grad;
    return cross_entropy(model_.forward(images_), labels_).value().item();
  }

  Context context_;
  Model model_;
  Optimizer optimizer_;
  Tensor images_;
  IndexTensor labels_;
};

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  Settings s;
  bench::Repeat repeat;
  CLI::App app{"Time of a training step"};
  app.add_option("--model", s.model, "resnet50 | regnet_y_800mf | small_cnn")
      ->capture_default_str();
  app.add_option("--optimizer", s.optimizer, "sgd | adam | adamw")->capture_default_str();
  app.add_option("--classes", s.classes, "classes")->capture_default_str();
  app.add_option("--batch", s.batch, "images a step")->capture_default_str();
  app.add_option("--size", s.size, "pixels a side")->capture_default_str();
  app.add_flag("--eval", s.eval, "an evaluation instead of a training step");
  s.machine.add_to(app);
  repeat.add_to(app);
  return bench::run_main(app, argc, argv, [&] {
    Trainer trainer(s);
    repeat.run([&] { return trainer.step(); },
               fmt::format("{} b{} {}x{}, {}", s.model, s.batch, s.size, s.size,
                           s.machine.describe(trainer.context())),
               s.batch);
  });
}
