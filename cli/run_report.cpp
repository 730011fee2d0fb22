#include "cli/run_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/meta.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "core/error.h"

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}
std::string percent(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}%", 100 * *value) : "undefined";
}
std::string plain(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "undefined";
}

const char* end_name(RunEnd end) {
  switch (end) {
    case RunEnd::kDone:
      return "done";
    case RunEnd::kDiverged:
      return "diverged";
    default:
      return "interrupted";
  }
}

Json detection_json(const Detection& d) {
  return {{"tp", d.tp},
          {"fp", d.fp},
          {"tn", d.tn},
          {"fn", d.fn},
          {"nonfinite", d.nonfinite},
          {"tpr", number(d.tpr)},
          {"fpr", number(d.fpr)},
          {"precision", number(d.precision)},
          {"f1", number(d.f1)},
          {"mcc", number(d.mcc)},
          {"auc", number(d.auc)}};
}

std::string row(const std::string& name, const std::string& value) {
  return fmt::format("{:<14} {}\n", name, value);
}

// Mean and sample standard deviation; the latter needs two values.
struct Spread {
  std::optional<double> mean, std;
};
Spread spread(const std::vector<double>& values) {
  Spread result;
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return result;
  double sum = 0, squares = 0;
  for (double v : values) sum += v;
  for (double v : values) squares += (v - sum / n) * (v - sum / n);
  result.mean = sum / n;
  if (values.size() > 1) result.std = std::sqrt(squares / (n - 1));
  return result;
}

Spread accuracy_spread(const std::vector<RunResult>& results) {
  std::vector<double> values;
  for (const RunResult& result : results)
    if (result.totals.accuracy()) values.push_back(*result.totals.accuracy());
  return spread(values);
}

}  // namespace

int exit_code(RunEnd end) {
  if (end == RunEnd::kDiverged) return static_cast<int>(ErrorKind::kDiverged);
  return end == RunEnd::kDone ? 0 : 128 + noted_signal();
}

std::string round_note(const RoundRecord& record) {
  int64_t rejected = 0;
  for (const ClientRecord& client : record.clients) rejected += client.accepted ? 0 : 1;
  const std::string accuracy = record.accuracy
                                   ? fmt::format("accuracy {:.1f}%, loss {:.3f}, ",
                                                 100 * *record.accuracy, record.loss.value_or(NAN))
                                   : "";
  return fmt::format("{}rejected {} of {}", accuracy, rejected, record.clients.size());
}

std::string end_message(const RunResult& result) {
  if (result.end == RunEnd::kDiverged)
    return fmt::format("diverged: the global model of round {} is not finite, the run ends there",
                       result.totals.rounds());
  return fmt::format("interrupted after {} complete rounds; {} is whole up to there",
                     result.totals.rounds(), result.path);
}

nlohmann::ordered_json summary_json(const Config& config, const RunResult& result) {
  const Options& data = config.section("data");
  return {
      {"name", config.section("run").text("name")},
      {"state", end_name(result.end)},
      {"folder", result.path},
      {"dataset", data.text("dataset")},
      {"partition", config.type("data.partition")},
      {"model", config.section("model").text("arch")},
      {"attack", config.type("attack")},
      {"defense", config.type("defense")},
      {"clients", config.section("federation").integer("clients")},
      {"attackers", config.section("federation").integer("attackers")},
      {"seed", config.section("run").integer("seed")},
      {"rounds", result.totals.rounds()},
      {"final",
       {{"accuracy", number(result.totals.accuracy())}, {"loss", number(result.totals.loss())}}},
      {"detection", detection_json(result.totals.detection())},
      {"wall_s", result.wall_seconds},
      {"peak_rss_bytes", peak_rss_bytes()}};
}

std::string result_table(const Config& config, const RunResult& result) {
  const Options &run = config.section("run"), &data = config.section("data"),
                &federation = config.section("federation"), &eval = config.section("eval");
  const Detection d = result.totals.detection();
  auto images = [](int64_t count) { return count == 0 ? "all" : std::to_string(count); };
  std::string text;
  text += row("run", fmt::format("{}: {} on {}, {} partition", run.text("name"),
                                 config.section("model").text("arch"), data.text("dataset"),
                                 config.type("data.partition")));
  text +=
      row("scale",
          fmt::format("{} of {} rounds, {} clients, {} train and {} test images",
                      result.totals.rounds(), run.integer("rounds"), federation.integer("clients"),
                      images(data.integer("train_images")), images(eval.integer("images"))));
  const Options defense = config.own("defense");
  for (const Option& option : defense.declared())
    if (option.name == "map_side" || option.name == "side")
      text += row("map side", to_text(defense.value(option.name)) + " pixels");
  text += row("attack", fmt::format("{} by {} clients", config.type("attack"),
                                    federation.integer("attackers")));
  text += row("defense", config.type("defense"));
  text += row("test accuracy", percent(result.totals.accuracy()));
  text += row("test loss", plain(result.totals.loss()));
  text += row("detection", fmt::format("TPR {}, FPR {}, precision {}, F1 {}, MCC {}, AUC {}",
                                       plain(d.tpr), plain(d.fpr), plain(d.precision), plain(d.f1),
                                       plain(d.mcc), plain(d.auc)));
  text += row("counts", fmt::format("TP {}, FP {}, TN {}, FN {}, not finite {}", d.tp, d.fp, d.tn,
                                    d.fn, d.nonfinite));
  if (std::filesystem::exists(result.path + "/heatmaps"))
    text += row("pictures", result.path + "/heatmaps");
  text += row("run folder", result.path);
  text += row("time", fmt::format("{}, peak memory {} MiB", duration_text(result.wall_seconds),
                                  peak_rss_bytes() >> 20));
  text.pop_back();
  return text;
}

std::string seeds_summary(const std::vector<int64_t>& seeds,
                          const std::vector<RunResult>& results) {
  Json json = {{"seeds", seeds}, {"runs", Json::array()}};
  for (const RunResult& result : results) json["runs"].push_back(Json::parse(result.summary));
  const Spread accuracy = accuracy_spread(results);
  json["accuracy"] = {{"mean", number(accuracy.mean)}, {"std", number(accuracy.std)}};
  return json.dump(2);
}

std::string seeds_table(const std::vector<int64_t>& seeds, const std::vector<RunResult>& results) {
  std::string text = fmt::format("{:>8} {:>12} {:>10} {:>10} {:>10} {:>10}\n", "seed", "state",
                                 "accuracy", "TPR", "FPR", "AUC");
  for (size_t i = 0; i < results.size(); ++i) {
    const Detection d = results[i].totals.detection();
    text += fmt::format("{:>8} {:>12} {:>10} {:>10} {:>10} {:>10}\n", seeds[i],
                        end_name(results[i].end), percent(results[i].totals.accuracy()),
                        plain(d.tpr), plain(d.fpr), plain(d.auc));
  }
  const Spread accuracy = accuracy_spread(results);
  text += fmt::format("accuracy: mean {}, standard deviation {}", percent(accuracy.mean),
                      percent(accuracy.std));
  return text;
}

}  // namespace fedcamae
