// What a defence costs on random updates: its time beside the time in which this machine reads
// every update once, and the memory it takes beyond the updates and the next global state.
//   bench_defense [--defense mean,median,...] [--threads 2] [--repeats 2] [--json]
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "bench/bandwidth.h"
#include "bench/repeat.h"
#include "core/random.h"
#include "defense/registry.h"

using namespace fedcamae;

namespace {

struct Case {
  std::string defense;
  int64_t clients;
  int64_t parameters;      // of each update; 0: what the model has
  std::string model = "";  // that explains the updates; "": any
};
const Case kCases[] = {
    {"mean", 21, 25'600'000},
    {"mean", 1000, 1'000'000},
    {"median", 24, 6'000'000},
    {"median", 100, 6'000'000},
    {"median", 1000, 1'000'000},
    {"trimmed_mean", 24, 6'000'000},
    {"trimmed_mean", 100, 6'000'000},
    {"trimmed_mean", 1000, 1'000'000},
    {"multi_krum", 24, 6'000'000},
    {"multi_krum", 100, 6'000'000},
    {"multi_krum", 1000, 1'000'000},
    {"dnc", 24, 6'000'000},
    {"dnc", 100, 6'000'000},
    {"dnc", 1000, 1'000'000},
    {"flame", 24, 6'000'000},
    {"flame", 100, 6'000'000},
    {"flame", 1000, 1'000'000},
    {"geometric_median", 24, 6'000'000},
    {"norm_clipping", 24, 6'000'000},
    {"centred_clipping", 24, 6'000'000},
    {"foolsgold", 24, 6'000'000},
    {"sign_guard", 24, 6'000'000},
    {"faa_dl", 24, 6'000'000},
    {"fltrust", 24, 0, "regnet_y_800mf"},
    {"grad_cam_ae", 24, 0, "regnet_y_800mf"},
    {"fedcamae", 24, 0, "regnet_y_800mf"},
    {"fedcamae_reference", 24, 0, "regnet_y_800mf"},
    {"fedcamae_reference", 100, 0, "regnet_y_800mf"},
    {"fedcamae_reference", 1000, 0, "small_cnn"},  // no network has a million parameters
};

// Of this process since the last reset, MiB (Linux).
double peak_since_reset_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  return 0;
}
double reset_peak_mib() {
  std::ofstream("/proc/self/clear_refs") << "5" << std::flush;
  return peak_since_reset_mib();
}

ServerData random_server(int64_t classes) {
  ServerData server;
  server.classes = classes;
  server.images = {.height = 32, .width = 32, .pixels = {}, .labels = {}};
  Random random({.seed = 2, .purpose = Purpose::kTest});
  for (int64_t i = 0; i < classes; ++i) server.images.labels.push_back(static_cast<int32_t>(i));
  for (int64_t i = 0; i < classes * 32 * 32 * 3; ++i)
    server.images.pixels.push_back(static_cast<uint8_t>(random.next()));
  server.normalization = {.mean = {0.5f, 0.5f, 0.5f}, .std = {0.29f, 0.29f, 0.29f}};
  return server;
}

// The global state and small random steps away from it; `parameters` of them, if not the model's.
struct Round {
  ModelState global;
  std::vector<ClientUpdate> updates;
};
Round random_round(const Case& c, const Model& model) {
  Context& context = model.context();
  Round round{.global = model.state(), .updates = {}};
  if (c.parameters > 0) round.global.parameters = Tensor::zeros(context, {c.parameters});
  const int64_t count = round.global.parameters.size();
  for (int64_t i = 0; i < c.clients; ++i) {
    ClientUpdate update{.client = i, .state = round.global.clone(), .samples = 1};
    // A cheap generator: twenty billion bits of Philox would take longer than what is measured.
    uint32_t bits = static_cast<uint32_t>(i) + 1;
    float* numbers = update.state.parameters.data();
    for (int64_t j = 0; j < count; ++j) {
      bits = bits * 1664525u + 1013904223u;
      numbers[j] += 1e-3f * (static_cast<float>(bits >> 8) * 0x1p-23f - 1);
    }
    round.updates.push_back(std::move(update));
  }
  return round;
}

std::unique_ptr<Defense> make_defense(const std::string& name) {
  const bool reference = name == "fedcamae_reference";
  for (const DefenseInfo& info : defenses()) {
    if (info.name != (reference ? "fedcamae" : name)) continue;
    Options options(info.options);
    if (reference) options.set("variant", std::string("reference"));
    return info.make(options);
  }
  fail(ErrorKind::kUsage, "bench_defense: there is no defense '{}'; see fedcamae list defenses",
       name);
}

nlohmann::json measure(const Case& c, const bench::Machine& machine, int repeats,
                       double bandwidth) {
  Context context(machine.options());
  Model model({.arch = c.model.empty() ? "small_cnn" : c.model}, context);
  model.initialize(1);
  const ServerData server = random_server(model.spec().classes);
  const Round round = random_round(c, model);
  const std::unique_ptr<Defense> defense = make_defense(c.defense);
  const int64_t d = round.global.parameters.size();
  double best = 0, extra = 0;
  for (int i = 0; i < repeats; ++i) {
    const double before = reset_peak_mib();
    const double seconds = bench::timed(context, [&] {
      defense->aggregate({.seed = 1, .global = round.global, .model = model, .server = server},
                         round.updates);
    });
    if (i == 0) extra = peak_since_reset_mib() - before;
    if (i == 0 || seconds < best) best = seconds;
  }
  const double limit = static_cast<double>(c.clients * d) * sizeof(float) / bandwidth;
  return {{"defense", c.defense},
          {"clients", c.clients},
          {"parameters", d},
          {"seconds", best},
          {"limit_seconds", limit},
          {"extra_mib", extra},
          {"model_mib", static_cast<double>(d) * sizeof(float) / (1 << 20)}};
}

void print(const nlohmann::json& r) {
  const auto value = [&r](const char* key) { return r[key].get<double>(); };
  fmt::print("{:18} {:>5} {:>9} {:>10.3f} {:>10.3f} {:>7.1f} {:>10.0f} {:>9.1f}\n",
             r["defense"].get<std::string>(), r["clients"].get<int64_t>(),
             r["parameters"].get<int64_t>(), value("seconds"), value("limit_seconds"),
             value("seconds") / value("limit_seconds"), value("extra_mib"),
             value("extra_mib") / value("model_mib"));
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): CLI11 may throw
  bench::Machine machine;
  std::string only;
  int64_t most = 1000;
  int repeats = 2;
  bool json = false;
  CLI::App app{"Time and memory of a defence, by updates n and parameters d"};
  app.add_option("--defense", only, "that one alone");
  app.add_option("--most", most, "no case with more updates")->capture_default_str();
  app.add_option("--repeats", repeats, "the best is reported")->check(CLI::PositiveNumber);
  app.add_flag("--json", json, "a line of JSON a case");
  machine.add_to(app);
  return bench::run_main(app, argc, argv, [&] {
    const double bandwidth = bench::measure_read_bandwidth(machine.threads);
    if (!json)
      fmt::print(
          "{} threads read {:.1f} GB/s\n{:18} {:>5} {:>9} {:>10} {:>10} {:>7} {:>10} {:>9}\n",
          machine.threads, bandwidth * 1e-9, "defense", "n", "d", "seconds", "limit, s", "ratio",
          "extra MiB", "models");
    for (const Case& c : kCases) {
      if ((!only.empty() && only != c.defense) || c.clients > most) continue;
      const nlohmann::json result = measure(c, machine, repeats, bandwidth);
      if (json)
        std::cout << result.dump() << std::endl;
      else
        print(result);
    }
  });
}
