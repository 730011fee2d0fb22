#include "cli/run_folder.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/panel.h"
#include "core/error.h"
#include "data/image_io.h"

namespace fs = std::filesystem;

namespace fedcamae {
namespace {

using Json = nlohmann::ordered_json;

// NaN and infinity have no place in JSON or in a table that others read: null, or nothing.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json number(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

Json round_row(const RoundRecord& r, double elapsed) {
  int64_t accepted = 0;
  for (const ClientRecord& client : r.clients) accepted += client.accepted ? 1 : 0;
  const Detection& d = r.detection;
  return {{"round", r.round},
          {"accuracy", number(r.accuracy)},
          {"loss", number(r.loss)},
          {"clients", r.clients.size()},
          {"accepted", accepted},
          {"threshold", number(r.threshold)},
          {"tp", d.tp},
          {"fp", d.fp},
          {"tn", d.tn},
          {"fn", d.fn},
          {"nonfinite", d.nonfinite},
          {"tpr", number(d.tpr)},
          {"fpr", number(d.fpr)},
          {"precision", number(d.precision)},
          {"f1", number(d.f1)},
          {"mcc", number(d.mcc)},
          {"auc", number(d.auc)},
          {"train_s", r.seconds.train},
          {"attack_s", r.seconds.attack},
          {"defense_s", r.seconds.defense},
          {"evaluate_s", r.seconds.evaluate},
          {"elapsed_s", elapsed}};
}

// Column names, or values; null is left empty.
std::string csv_line(const Json& row, bool header) {
  std::vector<std::string> cells;
  for (const auto& [key, value] : row.items())
    cells.push_back(header ? key : value.is_null() ? "" : value.dump());
  return fmt::format("{}", fmt::join(cells, ","));
}

// "folder/name" -> "folder/.name.part": what is not whole yet.
std::string part_name(const std::string& path) {
  const fs::path whole = path;
  return (whole.parent_path() / fmt::format(".{}.part", whole.filename().string())).string();
}

void rename_whole(const std::string& part, const std::string& path) {
  std::error_code error;
  fs::rename(part, path, error);
  if (error) fail(ErrorKind::kData, "{}: cannot be written ({})", path, error.message());
}

}  // namespace

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

std::ofstream open_table(const std::string& path, std::ios::openmode mode) {
  std::ofstream file(path, std::ios::binary | std::ios::out | mode);
  if (!file) fail(ErrorKind::kData, "{}: cannot be written; choose another --out", path);
  return file;
}

void write_line(std::ofstream& file, const std::string& line, const std::string& place) {
  file << line << '\n' << std::flush;
  if (!file) fail(ErrorKind::kData, "{}: could not be written; is the disk full?", place);
}

void write_whole(const std::string& path, const std::string& text) {
  const std::string part = part_name(path);
  {
    std::ofstream out = open_table(part);
    write_line(out, text, path);
  }
  rename_whole(part, path);
}

void check_run_folder(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error)) {
    if (!fs::is_directory(path))
      fail(ErrorKind::kUsage, "run folder {}: is a file; name a new or empty folder", path);
    if (!fs::is_empty(path, error) || error)
      fail(ErrorKind::kUsage, "run folder {}: is not empty; name a new or empty folder", path);
  }
  fs::path place = fs::absolute(path);
  while (!fs::exists(place, error) && place.has_parent_path() && place != place.parent_path())
    place = place.parent_path();
  if (!fs::is_directory(place, error) || access(place.c_str(), W_OK) != 0)
    fail(ErrorKind::kData, "run folder {}: cannot be made, {} is not a folder to write in", path,
         place.string());
}

std::string default_run_folder(const std::string& name) {
  const std::string base =
      fmt::format("runs/{:%Y%m%d-%H%M%S}-{}", fmt::localtime(std::time(nullptr)), name);
  std::string path = base;
  for (int i = 1; fs::exists(path); ++i) path = fmt::format("{}-{}", base, i);
  return path;
}

RunFolder::RunFolder(const std::string& path) : path_(path) {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(ErrorKind::kData, "run folder {}: cannot be made ({})", path_, error.message());
  metrics_csv_ = open_table(file("metrics.csv"));
  metrics_jsonl_ = open_table(file("metrics.jsonl"));
  clients_csv_ = open_table(file("clients.csv"));
  write_line(metrics_csv_, csv_line(round_row({}, 0), true), path_);
  write_line(clients_csv_, "round,client,samples,loss,score,threshold,accepted,malicious,distance",
             path_);
}

void RunFolder::add_round(const RoundRecord& record, double elapsed_seconds) {
  const Json row = round_row(record, elapsed_seconds);
  write_line(metrics_csv_, csv_line(row, false), path_);
  write_line(metrics_jsonl_, row.dump(), path_);
  for (const ClientRecord& c : record.clients)
    write_line(clients_csv_,
               fmt::format("{},{},{},{},{},{},{:d},{:d},{}", record.round, c.client, c.samples,
                           csv_number(c.loss), csv_number(c.score), csv_number(record.threshold),
                           c.accepted, c.malicious, csv_number(c.distance)),
               path_);
  if (!record.heat_maps) return;
  fs::create_directories(file("heatmaps"));
  const std::string path = file(fmt::format("heatmaps/round-{:04}.png", record.round));
  write_png(part_name(path), heat_map_panel(record));
  rename_whole(part_name(path), path);
}

}  // namespace fedcamae
