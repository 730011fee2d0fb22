// Whole training steps on random images: forward, cross-entropy, backward, Adam. Prints the median
// time and the peak memory; with --serve it does one step for each line on stdin and answers with
// one line of JSON, which is how compare_step.py runs it against PyTorch step by step.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/error.h"
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
  int steps = 20;
  int warmup = 3;
  int threads = 2;
  bool json_lines = false;
  bool serve = false;
};

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

class Trainer {
 public:
  explicit Trainer(const Settings& s)
      : context_({.device = {}, .threads = s.threads}),
        model_({.arch = s.model, .classes = s.classes}, context_),
        optimizer_((model_.initialize(1), OptimizerSpec{.type = s.optimizer, .lr = 1e-4}),
                   model_.parameters(), model_.gradients()) {
    model_.set_training(true);
    Random random({.seed = 1, .purpose = Purpose::kTest});
    std::vector<float> pixels(static_cast<size_t>(s.batch * s.size * s.size * 3));
    for (float& x : pixels) x = static_cast<float>(random.normal());
    std::vector<int32_t> labels(static_cast<size_t>(s.batch));
    for (int32_t& label : labels)
      label = static_cast<int32_t>(random.below(static_cast<uint64_t>(s.classes)));
    images_ = Tensor::from(context_, {s.batch, s.size, s.size, 3}, pixels);
    labels_ = IndexTensor::from(context_, labels);
  }

  // One line: the wall time of this step, its loss, and what memory it has taken.
  nlohmann::json step() {
    const auto begin = std::chrono::steady_clock::now();
    const Var loss = cross_entropy(model_.forward(images_), labels_);
    backward(loss);
    optimizer_.step(1e-4);
    const float value = loss.value().item();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    return {{"seconds", seconds.count()},
            {"loss", value},
            {"peak_rss_mib", peak_rss_mib()},
            {"system_allocations", context_.pool_stats().system_allocations}};
  }

 private:
  Context context_;
  Model model_;
  Optimizer optimizer_;
  Tensor images_;
  IndexTensor labels_;
};

void serve(Trainer& trainer) {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << trainer.step().dump() << std::endl;
}

void measure(Trainer& trainer, const Settings& s) {
  std::vector<double> seconds;
  nlohmann::json last;
  for (int i = 0; i < s.warmup + s.steps; ++i) {
    last = trainer.step();
    if (s.json_lines) std::cout << last.dump() << std::endl;
    if (i >= s.warmup) seconds.push_back(last["seconds"]);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  if (s.json_lines) return;
  fmt::print(
      "{} b{} {}x{} {} threads, {}: median {:.1f} ms (best {:.1f}), {:.0f} images/s, peak {:.0f} "
      "MiB\n",
      s.model, s.batch, s.size, s.size, s.threads, cpu_isa_name(), median * 1e3, seconds[0] * 1e3,
      static_cast<double>(s.batch) / median, last["peak_rss_mib"].get<double>());
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  Settings s;
  CLI::App app{"Time of a training step"};
  app.add_option("--model", s.model, "resnet50 | regnet_y_800mf | small_cnn")
      ->capture_default_str();
  app.add_option("--optimizer", s.optimizer, "sgd | adam | adamw")->capture_default_str();
  app.add_option("--classes", s.classes, "classes")->capture_default_str();
  app.add_option("--batch", s.batch, "images a step")->capture_default_str();
  app.add_option("--size", s.size, "pixels a side")->capture_default_str();
  app.add_option("--steps", s.steps, "steps measured")->check(CLI::PositiveNumber);
  app.add_option("--warmup", s.warmup, "steps before them")->check(CLI::NonNegativeNumber);
  app.add_option("--threads", s.threads, "threads")->capture_default_str();
  app.add_flag("--json-lines", s.json_lines, "one line of JSON a step, warm-up included");
  app.add_flag("--serve", s.serve, "a step for each line on stdin");
  CLI11_PARSE(app, argc, argv);
  try {
    Trainer trainer(s);
    s.serve ? serve(trainer) : measure(trainer, s);
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return error.exit_code();
  }
}
