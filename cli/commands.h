// What the flags of each command hold, and the commands themselves: each returns the exit code and
// throws Error for what went wrong. Results go to stdout, talk to stderr.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fedcamae {

// Shared by train, eval, predict and explain.
struct ComputeFlags {
  std::string device = "auto";
  std::string precision = "f32";
  int64_t threads = 0;  // 0: every core
  int64_t seed = 0;
};
// "--mean a,b,c --std a,b,c", as typed; "" where not given.
struct NormalizationFlags {
  std::string mean, std;
};
struct ModelFlags {
  std::string arch;
  int64_t classes = 0;
  std::string weights;  // "" = fresh ones, where the command allows that
};

// What is not given comes from --set, the environment, the file, the defaults: in this order.
struct RunFlags {
  std::string config;
  std::vector<std::string> sets;
  std::optional<std::string> device, precision, data_dir, out;
  std::optional<int64_t> threads, workers, seed;
  bool profile = false, json = false;
  std::string resume;  // study: the folder of the one that goes on, or ""
};
struct TrainFlags {
  ComputeFlags compute;
  ModelFlags model;
  NormalizationFlags normalization;
  std::string dataset, data_dir, out;
  std::optional<int64_t> steps, epochs;
  int64_t batch = 64;
  std::string optimizer = "adam";
  double lr = 1e-3, momentum = 0, weight_decay = 0, label_smoothing = 0;
  std::string schedule = "constant";
  double schedule_gamma = 0.1;
  int64_t schedule_every = 30;
  bool nesterov = false, no_shuffle = false, no_augment = false, new_head = false, json = false;
};
struct EvalFlags {
  ComputeFlags compute;
  ModelFlags model;
  NormalizationFlags normalization;
  std::string dataset, data_dir;
  int64_t batch = 128;
  bool json = false;
};
struct PredictFlags {
  ComputeFlags compute;
  ModelFlags model;
  NormalizationFlags normalization;
  std::vector<std::string> images;
  int64_t size = 224;
  bool json = false;
};
struct ExplainFlags {
  ComputeFlags compute;
  ModelFlags model;
  NormalizationFlags normalization;
  std::string image, layer, out;  // layer "": the model's default
  std::optional<int64_t> label;   // --class; else the arg-max
  int64_t size = 224;
};
struct SummaryFlags {
  std::string arch;
  int64_t classes = 1000;
  std::string input = "3x224x224";
  bool json = false;
};

int run_command(const RunFlags& flags);
int study_command(const RunFlags& flags);  // `config` is the plan
int train_command(const TrainFlags& flags);
int eval_command(const EvalFlags& flags);
int predict_command(const PredictFlags& flags);
int explain_command(const ExplainFlags& flags);
int summary_command(const SummaryFlags& flags);
int list_command(const std::string& what, bool json);
int info_command(bool json);

std::string version_line();  // "fedcamae 0.1.0 (git 1a2b3c4, g++ 12.2.0)"

}  // namespace fedcamae
