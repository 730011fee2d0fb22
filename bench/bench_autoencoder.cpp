// The heat-map autoencoder's training on random maps: all epochs, each one step of Adam.
#include <string>
#include <vector>

#include "bench/repeat.h"
#include "core/random.h"
#include "defense/autoencoder.h"

using namespace fedcamae;

namespace {

struct Settings {
  int64_t inputs = 224 * 224;
  int64_t hidden = 128;
  int64_t batch = 24;  // maps
  int64_t epochs = 200;
  bench::Machine machine;
};

class Trainer {
 public:
  explicit Trainer(const Settings& s) : settings_(s), context_(s.machine.options()) {
    Random random({.seed = 1, .purpose = Purpose::kTest});
    std::vector<float> pixels(static_cast<size_t>(s.batch * s.inputs));
    for (float& x : pixels) x = static_cast<float>(random.uniform(0, 1));
    rows_ = Tensor::from(context_, {s.batch, s.inputs}, pixels);
  }

  const Context& context() const { return context_; }

  nlohmann::json step() {
    Autoencoder autoencoder(settings_.inputs,
                            {.hidden = {settings_.hidden}, .epochs = settings_.epochs}, context_);
    autoencoder.initialize({.seed = 1, .purpose = Purpose::kAutoencoder});
    std::vector<double> losses;
    const double seconds = bench::timed(context_, [&] { losses = autoencoder.train(rows_); });
    return {{"seconds", seconds},
            {"loss", losses.empty() ? 0 : losses.back()},
            {"peak_rss_mib", bench::peak_rss_mib()},
            {"peak_pool_mib", bench::peak_pool_mib(context_)}};
  }

 private:
  Settings settings_;
  Context context_;
  Tensor rows_;
};

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  Settings s;
  bench::Repeat repeat{.steps = 3, .warmup = 1};
  CLI::App app{"Time of training the heat-map autoencoder"};
  app.add_option("--inputs", s.inputs, "pixels of a map")->capture_default_str();
  app.add_option("--hidden", s.hidden, "hidden units")->capture_default_str();
  app.add_option("--batch", s.batch, "maps")->capture_default_str();
  app.add_option("--epochs", s.epochs, "epochs")->capture_default_str();
  s.machine.add_to(app);
  repeat.add_to(app);
  return bench::run_main(app, argc, argv, [&] {
    Trainer trainer(s);
    repeat.run([&] { return trainer.step(); },
               fmt::format("autoencoder {}-{}-{}, {} maps, {} epochs, {}", s.inputs, s.hidden,
                           s.inputs, s.batch, s.epochs, s.machine.describe(trainer.context())),
               s.batch);
  });
}
