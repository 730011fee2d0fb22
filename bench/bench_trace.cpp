// The primitives that a training step or a LayerCAM asks of a backend, one line of JSON each, in
// the second repetition; nothing is computed. bench/roofline.py reads this.
//
// A Context makes its own backend. Linked with --wrap, make_cpu_backend's callers get __wrap_...,
// which hands out the one that writes down.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "bench/repeat.h"
#include "bench/trace_backend.h"
#include "layers/losses.h"
#include "layers/optimizer.h"
#include "models/layer_cam.h"
#include "models/model.h"

using namespace fedcamae;

namespace {

std::shared_ptr<bench::TraceBackend> tracer() {
  static const auto backend = std::make_shared<bench::TraceBackend>();
  return backend;
}

struct Settings {
  std::string model = "resnet50";
  int64_t classes = 100;
  int64_t batch = 64;
  int64_t size = 32;  // pixels a side
  bool layer_cam = false;
  bench::Machine machine;
};

constexpr int kRepetitions = 2;  // the first one makes the gradients' buffers

void trace_step(const Settings& s, Context& context, Model& model) {
  model.set_training(true);
  Optimizer optimizer({.type = "adam", .lr = 1e-4}, model.parameters(), model.gradients());
  const Tensor images(context, {s.batch, s.size, s.size, 3});
  const std::vector<int32_t> classes(static_cast<size_t>(s.batch), 0);
  const IndexTensor labels = IndexTensor::from(context, classes);
  for (int i = 0; i < kRepetitions; ++i) {
    tracer()->calls.clear();
    tracer()->phase = "forward";
    const Var loss = cross_entropy(model.forward(images), labels);
    tracer()->phase = "backward";
    backward(loss);
    tracer()->phase = "optimizer";
    optimizer.step(1e-4);
    loss.value().item();
  }
}

void trace_layer_cam(const Settings& s, Context& context, Model& model) {
  const ModelState update = model.state();
  const Tensor images(context, {s.batch, s.size, s.size, 3});
  const std::vector<int32_t> classes(static_cast<size_t>(s.batch), 0);
  for (int i = 0; i < kRepetitions; ++i) {
    tracer()->calls.clear();
    const BorrowedState borrowed(model, update);
    tracer()->phase = "explain";
    const CamResult result = layer_cam(model, images, model.default_layer(), classes);
    scale_maps(result.raw, s.size);
  }
}

void trace(const Settings& s) {
  Context context(s.machine.options());
  Model model({.arch = s.model, .classes = s.classes}, context);
  model.initialize(1);
  s.layer_cam ? trace_layer_cam(s, context, model) : trace_step(s, context, model);
  for (const bench::Call& c : tracer()->calls)
    std::cout << nlohmann::json{{"op", c.op},       {"phase", c.phase}, {"shape", c.shape},
                                {"flops", c.flops}, {"bytes", c.bytes}, {"m", c.m},
                                {"n", c.n},         {"k", c.k},         {"groups", c.groups}}
                     .dump()
              << '\n';
}

}  // namespace

std::shared_ptr<Backend> traced_backend(int) __asm__("__wrap__ZN8fedcamae16make_cpu_backendEi");
std::shared_ptr<Backend> traced_backend(int) { return tracer(); }

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  Settings s;
  CLI::App app{"The primitives of a training step"};
  app.add_option("--model", s.model, "resnet50 | regnet_y_800mf | small_cnn")
      ->capture_default_str();
  app.add_option("--classes", s.classes, "classes")->capture_default_str();
  app.add_option("--batch", s.batch, "images a step")->capture_default_str();
  app.add_option("--size", s.size, "pixels a side")->capture_default_str();
  app.add_flag("--layer-cam", s.layer_cam, "LayerCAM of one update instead of a training step");
  s.machine.add_to(app);
  return bench::run_main(app, argc, argv, [&] { trace(s); });
}
