#include "cli/run_report.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/meta.h"
#include "cli/signals.h"
#include "core/error.h"

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;

Json number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
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

}  // namespace

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

Spread accuracy_spread(const std::vector<RunResult>& results) {
  std::vector<double> values;
  for (const RunResult& result : results)
    if (result.totals.accuracy()) values.push_back(*result.totals.accuracy());
  return spread(values);
}

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
      {"device", result.device},
      {"rounds", result.totals.rounds()},
      {"final",
       {{"accuracy", number(result.totals.accuracy())}, {"loss", number(result.totals.loss())}}},
      {"detection", detection_json(result.totals.detection())},
      {"wall_s", result.wall_seconds},
      {"peak_rss_bytes", peak_rss_bytes()}};
}

std::string seeds_summary(const std::vector<int64_t>& seeds,
                          const std::vector<RunResult>& results) {
  Json json = {{"seeds", seeds}, {"runs", Json::array()}};
  for (const RunResult& result : results) json["runs"].push_back(Json::parse(result.summary));
  const Spread accuracy = accuracy_spread(results);
  json["accuracy"] = {{"mean", number(accuracy.mean)}, {"std", number(accuracy.std)}};
  return json.dump(2);
}

}  // namespace fedcamae
