// One federated round on random images made in memory: seconds of each phase.
#include <algorithm>
#include <iostream>
#include <string>

#include "bench/repeat.h"
#include "core/random.h"
#include "defense/registry.h"
#include "fl/federation.h"

using namespace fedcamae;

namespace {

struct Settings {
  std::string model = "regnet_y_800mf";
  std::string defense = "fedcamae";
  int64_t clients = 16;
  int64_t images = 320;  // of each client
  int64_t test_images = 256;
  int64_t classes = 10;
  int64_t size = 32;  // pixels a side
  int64_t batch = 64;
  int64_t probes = 8;
  int64_t probe_size = 224;  // pixels a side
  int64_t hidden = 128;      // of the autoencoder
  int64_t epochs = 20;       // of the autoencoder
  int64_t rounds = 2;        // the first one warms up
  int workers = 1;
  bool json = false;
  bool serve = false;  // a round for each line on stdin, as bench/repeat.h
  bench::Machine machine;
};

constexpr int64_t kServerImages = 100;

ImageSet random_images(const Settings& s, int64_t count, uint64_t seed) {
  Random random({.seed = seed, .purpose = Purpose::kTest});
  ImageSet set{.height = s.size, .width = s.size, .pixels = {}, .labels = {}};
  set.pixels.resize(static_cast<size_t>(count * s.size * s.size * 3));
  for (uint8_t& pixel : set.pixels) pixel = static_cast<uint8_t>(random.next());
  for (int64_t i = 0; i < count; ++i) set.labels.push_back(static_cast<int32_t>(i % s.classes));
  return set;
}

Dataset random_dataset(const Settings& s) {
  Dataset dataset;
  dataset.name = "random";
  dataset.classes = s.classes;
  for (int64_t c = 0; c < s.classes; ++c) dataset.class_names.push_back(std::to_string(c));
  dataset.train = random_images(s, s.clients * s.images + kServerImages, 1);
  dataset.test = random_images(s, s.test_images, 2);
  dataset.normalization = {.mean = {0.5f, 0.5f, 0.5f}, .std = {0.29f, 0.29f, 0.29f}};
  return dataset;
}

std::unique_ptr<Defense> make_defense(const Settings& s) {
  for (const DefenseInfo& info : defenses()) {
    if (info.name != s.defense) continue;
    Options options(info.options);
    if (s.defense == "fedcamae") {
      options.set("variant", std::string("reference"));
      options.set("probes", s.probes);
      options.set("size", s.probe_size);
      options.set("map_side", s.probe_size);
      options.set("hidden", std::vector<int64_t>{s.hidden});
      options.set("epochs", s.epochs);
    }
    return info.make(options);
  }
  fail(ErrorKind::kUsage, "bench_round: there is no defense '{}'; see fedcamae list defenses",
       s.defense);
}

FederationSpec make_spec(const Settings& s) {
  FederationSpec spec;
  const ContextOptions options = s.machine.options();
  spec.seed = 1;
  spec.device = options.device;
  spec.precision = options.precision;
  spec.workers = s.workers;
  spec.threads = options.threads;
  spec.model = {.arch = s.model, .classes = s.classes};
  spec.clients = s.clients;
  spec.batch = s.batch;
  spec.optimizer = {.type = "adam", .lr = 1e-4};
  spec.partition = "iid";
  spec.server_images = kServerImages;
  spec.rounds = s.serve ? 1 << 20 : s.rounds;  // whoever it serves ends it
  return spec;
}

nlohmann::json run_round(Federation& federation) {
  const Context& server = federation.global_model().context();
  RoundRecord record;
  const double seconds = bench::timed(server, [&] { record = federation.run_round(); });
  return {{"seconds", seconds},
          {"train", record.seconds.train},
          {"defense", record.seconds.defense},
          {"evaluate", record.seconds.evaluate},
          {"peak_rss_mib", bench::peak_rss_mib()},
          {"server_pool_mib", bench::peak_pool_mib(server)}};
}

void measure(const Settings& s) {
  const Dataset dataset = random_dataset(s);
  Federation federation(make_spec(s), dataset, nullptr, make_defense(s));
  std::string request;
  while (s.serve && std::getline(std::cin, request))
    std::cout << run_round(federation).dump() << std::endl;
  if (s.serve) return;
  nlohmann::json line;
  for (int64_t round = 0; round < s.rounds; ++round) line = run_round(federation);
  if (s.json) {
    std::cout << line.dump() << std::endl;
    return;
  }
  const auto value = [&line](const char* key) { return line[key].get<double>(); };
  fmt::print(
      "round of {} clients x {} images {}x{}, {}, {}, {} workers, {}: {:.2f} s (train {:.2f}, "
      "defense {:.2f}, evaluate {:.2f}), peak {:.0f} MiB, server's tensors {:.0f} MiB\n",
      s.clients, s.images, s.size, s.size, s.model, s.defense, s.workers,
      s.machine.describe(federation.global_model().context()), value("seconds"), value("train"),
      value("defense"), value("evaluate"), value("peak_rss_mib"), value("server_pool_mib"));
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  Settings s;
  CLI::App app{"Time of a federated round; the last of --rounds is reported"};
  const auto add = [&app](const char* flag, auto& value, const char* what) {
    app.add_option(flag, value, what)->capture_default_str();
  };
  add("--model", s.model, "resnet50 | regnet_y_800mf | small_cnn");
  add("--defense", s.defense, "mean | median | multi_krum | fedcamae");
  add("--clients", s.clients, "clients, all of them honest");
  add("--images", s.images, "images of each client");
  add("--test-images", s.test_images, "images the global model is evaluated on");
  add("--classes", s.classes, "classes");
  add("--size", s.size, "pixels a side");
  add("--batch", s.batch, "images a step");
  add("--probes", s.probes, "fedcamae: probe images");
  add("--probe-size", s.probe_size, "fedcamae: side of a probe image and of a map, pixels");
  add("--hidden", s.hidden, "fedcamae: hidden units of the autoencoder");
  add("--epochs", s.epochs, "fedcamae: epochs of the autoencoder");
  add("--rounds", s.rounds, "rounds; at least 2 for a warm one");
  add("--workers", s.workers, "client workers");
  app.add_flag("--json", s.json, "one line of JSON");
  app.add_flag("--serve", s.serve, "a round for each line on stdin, answered with a line of JSON");
  s.machine.add_to(app);
  return bench::run_main(app, argc, argv, [&] { measure(s); });
}
