#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>

#include "cli/commands.h"
#include "cli/signals.h"
#include "cli/talk.h"
#include "core/error.h"

namespace fedcamae {
namespace {

using Chosen = std::function<int()>;  // the command that was asked for

constexpr char kDeviceDoc[] = "auto | cpu | cuda[:i]; auto: the first GPU, else the CPU";
constexpr int64_t kMaxSeed = 9'000'000'000'000'000;  // exact in a double, as the schema's range is
constexpr const char* kPrecisions = "f32 | tf32 (a GPU's) | bf16 (activations in half the memory)";

void add_compute(CLI::App& app, ComputeFlags& f) {
  app.add_option("--device", f.device, kDeviceDoc)->capture_default_str();
  app.add_option("--threads", f.threads, "threads; 0 = every core")->check(CLI::Range(0, 4096));
  app.add_option("--seed", f.seed, "of every random number")
      ->check(CLI::Range(int64_t{0}, kMaxSeed));
  app.add_option("--precision", f.precision, kPrecisions)->capture_default_str();
}

void add_model(CLI::App& app, ModelFlags& f, bool needs_weights) {
  app.add_option("--model", f.arch, "architecture, see `fedcamae list models`")->required();
  app.add_option("--classes", f.classes, "outputs of the network")->required();
  CLI::Option* weights = app.add_option("--weights", f.weights, "safetensors file to start from");
  if (needs_weights) weights->required();
}

void add_normalization(CLI::App& app, NormalizationFlags& f) {
  app.add_option("--mean", f.mean, "a,b,c: per channel, images in [0, 1]");
  app.add_option("--std", f.std, "a,b,c: per channel, images in [0, 1]");
}

// `run --set a=1 b=2 FILE`: a list of values takes the file's name as well, so it is looked for
// there.
void find_config(RunFlags& f, const std::string& command, const std::string& example) {
  const auto file = std::find_if(f.sets.begin(), f.sets.end(), [](const std::string& word) {
    return word.find('=') == std::string::npos;
  });
  if (f.config.empty() && file != f.sets.end()) {
    f.config = *file;
    f.sets.erase(file);
  }
  if (f.config.empty())
    fail(ErrorKind::kUsage, "{}: name a configuration file, such as {}", command, example);
}

void add_run_flags(CLI::App& sub, RunFlags& f) {
  sub.add_option("config", f.config, "configuration file (TOML), required");
  sub.add_option("--set", f.sets, "key=value ..., over the file; repeatable");
  sub.add_option("--device", f.device, kDeviceDoc);
  sub.add_option("--workers", f.workers,
                 "clients that train at the same time; 0 = cores, on a GPU 4 at most");
  sub.add_option("--threads", f.threads, "threads of each worker");
  sub.add_option("--seed", f.seed, "of every random number");
  sub.add_option("--precision", f.precision, kPrecisions);
  sub.add_option("--data-dir", f.data_dir, "where the data set's files are");
  sub.add_option("--out", f.out, "run folder, new or empty (runs/<time>-<name>)");
}

void add_run(CLI::App& app, RunFlags& f, Chosen& chosen) {
  CLI::App* sub = app.add_subcommand("run", "a federated run from a configuration file");
  add_run_flags(*sub, f);
  sub->add_flag("--profile", f.profile,
                "time every phase and primitive: a table and profile.json; slower on a GPU");
  sub->add_flag("--json", f.json, "print the summary as JSON");
  sub->callback([&] {
    chosen = [&f] {
      find_config(f, "run", "configs/quick.toml");
      return run_command(f);
    };
  });
}

void add_study(CLI::App& app, RunFlags& f, Chosen& chosen) {
  CLI::App* sub =
      app.add_subcommand("study", "every attack against every defense on one benign training");
  add_run_flags(*sub, f);
  sub->add_option("--resume", f.resume,
                  "folder of an interrupted study, which goes on; its plan is in there")
      ->excludes("--out");
  sub->callback([&] {
    chosen = [&f] {
      if (f.resume.empty()) find_config(f, "study", "configs/study.toml");
      return study_command(f);
    };
  });
}

void add_train(CLI::App& app, TrainFlags& f, Chosen& chosen) {
  CLI::App* sub = app.add_subcommand("train", "central training of one model");
  add_model(*sub, f.model, false);
  add_compute(*sub, f.compute);
  add_normalization(*sub, f.normalization);
  sub->add_option("--dataset", f.dataset, "see `fedcamae list datasets`")->required();
  sub->add_option("--data-dir", f.data_dir, "where its files are");
  sub->add_option("--steps", f.steps, "mini-batches in all; 0 writes the initial weights");
  sub->add_option("--epochs", f.epochs, "passes over the training images");
  sub->add_option("--batch", f.batch, "images in a mini-batch")->capture_default_str();
  sub->add_option("--optimizer", f.optimizer, "sgd | adam | adamw")->capture_default_str();
  sub->add_option("--lr", f.lr, "learning rate")->capture_default_str();
  sub->add_option("--momentum", f.momentum, "sgd's")->capture_default_str();
  sub->add_flag("--nesterov", f.nesterov, "sgd with Nesterov momentum");
  sub->add_option("--weight-decay", f.weight_decay, "as PyTorch's")->capture_default_str();
  sub->add_option("--label-smoothing", f.label_smoothing, "in [0, 1)")->capture_default_str();
  sub->add_option("--schedule", f.schedule, "constant | step | cosine")->capture_default_str();
  sub->add_option("--schedule-gamma", f.schedule_gamma, "step: factor")->capture_default_str();
  sub->add_option("--schedule-every", f.schedule_every, "step: in mini-batches")
      ->capture_default_str();
  sub->add_flag("--no-shuffle", f.no_shuffle, "records in the order of the file");
  sub->add_flag("--no-augment", f.no_augment, "no crops and flips");
  sub->add_flag("--new-head", f.new_head, "keep a fresh head where the file's has another size");
  sub->add_option("--out", f.out, "safetensors file to write")->required();
  sub->add_flag("--json", f.json, "one line a step on stdout");
  sub->callback([&] { chosen = [&f] { return train_command(f); }; });
}

void add_eval(CLI::App& app, EvalFlags& f, Chosen& chosen) {
  CLI::App* sub = app.add_subcommand("eval", "accuracy and loss on a test set");
  add_model(*sub, f.model, true);
  add_compute(*sub, f.compute);
  add_normalization(*sub, f.normalization);
  sub->add_option("--dataset", f.dataset, "see `fedcamae list datasets`")->required();
  sub->add_option("--data-dir", f.data_dir, "where its files are");
  sub->add_option("--batch", f.batch, "images in a batch")->capture_default_str();
  sub->add_flag("--json", f.json, "print JSON");
  sub->callback([&] { chosen = [&f] { return eval_command(f); }; });
}

void add_predict(CLI::App& app, PredictFlags& f, Chosen& chosen) {
  CLI::App* sub = app.add_subcommand("predict", "logits of images, as JSON");
  add_model(*sub, f.model, true);
  add_compute(*sub, f.compute);
  add_normalization(*sub, f.normalization);
  sub->add_option("--image", f.images, "PNG, JPEG or BMP; several allowed")->required();
  sub->add_option("--size", f.size, "side of the centre crop")->capture_default_str();
  sub->add_flag("--json", f.json, "only JSON, no talk");
  sub->callback([&] { chosen = [&f] { return predict_command(f); }; });
}

void add_explain(CLI::App& app, ExplainFlags& f, Chosen& chosen) {
  CLI::App* sub = app.add_subcommand("explain", "LayerCAM heat map of one image");
  add_model(*sub, f.model, true);
  add_compute(*sub, f.compute);
  add_normalization(*sub, f.normalization);
  sub->add_option("--image", f.image, "PNG, JPEG or BMP")->required();
  sub->add_option("--layer", f.layer, "module path; default: the last trunk block");
  sub->add_option("--class", f.label, "class to explain; default: the model's arg-max");
  sub->add_option("--size", f.size, "side of the centre crop")->capture_default_str();
  sub->add_option("--out", f.out, "folder for the picture and the arrays")->required();
  sub->callback([&] { chosen = [&f] { return explain_command(f); }; });
}

struct Talkers {  // the commands that only tell
  SummaryFlags summary;
  std::string what;
  bool list_json = false, info_json = false;
};

void add_talkers(CLI::App& app, Talkers& f, Chosen& chosen) {
  CLI::App* summary = app.add_subcommand("summary", "layers, shapes and sizes of a model");
  summary->add_option("model", f.summary.arch, "architecture")->required();
  summary->add_option("--classes", f.summary.classes, "outputs")->capture_default_str();
  summary->add_option("--input", f.summary.input, "channels x height x width")
      ->capture_default_str();
  summary->add_flag("--json", f.summary.json, "print JSON");
  summary->callback([&] { chosen = [&f] { return summary_command(f.summary); }; });

  CLI::App* list = app.add_subcommand("list", "what can be named in a configuration");
  list->add_option("what", f.what, "models | datasets | partitions | attacks | defenses")
      ->required();
  list->add_flag("--json", f.list_json, "print JSON");
  list->callback([&] { chosen = [&f] { return list_command(f.what, f.list_json); }; });

  CLI::App* info = app.add_subcommand("info", "this build and this machine");
  info->add_flag("--json", f.info_json, "print JSON");
  info->callback([&] { chosen = [&f] { return info_command(f.info_json); }; });
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "; ");
  return text;
}

int parse_error(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // help, version
  std::string command = "fedcamae";
  for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
  talk_error("{}; see '{} --help'", one_line(error.what()), command);
  return static_cast<int>(ErrorKind::kUsage);
}

int guarded(const Chosen& chosen) {
  try {
    return chosen();
  } catch (const Error& error) {
    talk_error("{}", one_line(error.what()));
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    talk_error("out of memory: use a smaller batch, fewer workers or a smaller model");
    return static_cast<int>(ErrorKind::kDevice);
  } catch (const std::filesystem::filesystem_error& error) {
    talk_error("{}", one_line(error.what()));
    return static_cast<int>(ErrorKind::kData);
  } catch (const std::exception& error) {
    talk_error("unexpected: {}", one_line(error.what()));
    return static_cast<int>(ErrorKind::kUnexpected);
  }
}

}  // namespace

std::string cli11_version() { return CLI11_VERSION; }

int run_program(int argc, char** argv) {
  leave_on_signals();
  CLI::App app{"Federated learning, model poisoning and heat-map defenses", "fedcamae"};
  app.require_subcommand(1);
  app.set_version_flag("--version", version_line());
  Chosen chosen;
  RunFlags run, study;
  TrainFlags train;
  EvalFlags eval;
  PredictFlags predict;
  ExplainFlags explain;
  Talkers talkers;
  add_run(app, run, chosen);
  add_study(app, study, chosen);
  add_train(app, train, chosen);
  add_eval(app, eval, chosen);
  add_predict(app, predict, chosen);
  add_explain(app, explain, chosen);
  add_talkers(app, talkers, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parse_error(app, error);
  }
  return guarded(chosen);
}

}  // namespace fedcamae
