#include "cli/study_folder.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "cli/run_folder.h"
#include "core/error.h"
#include "models/weights.h"

namespace fs = std::filesystem;

namespace fedcamae {
namespace {

std::string cell_of(const std::optional<double>& value) { return value ? csv_number(*value) : ""; }

// "mean,largest" of one number over some uploads; empty cells where there are none.
std::string mean_and_largest(const std::vector<double>& values) {
  double sum = 0, largest = -std::numeric_limits<double>::infinity();
  for (const double value : values) {
    sum += value;
    largest = std::max(largest, value);
  }
  return fmt::format("{},{}", csv_number(sum / static_cast<double>(values.size())),
                     csv_number(largest));
}

constexpr const char* kTables[][2] = {
    {"study.csv",
     "seed,loop,round,attack,defense,threshold,accepted,tp,fp,tn,fn,nonfinite,tpr,fpr,auc,"
     "accuracy,loss,defense_s"},
    {"study_clients.csv",
     "seed,loop,round,attack,defense,client,samples,loss,score,threshold,accepted,"
     "nonfinite,malicious,norm,distance,cosine"},
    {"study_attacks.csv",
     "seed,round,attack,accuracy,harm,benign_norm,benign_norm_max,benign_distance,"
     "benign_distance_max,benign_cosine,benign_cosine_max,attacker_norm,attacker_norm_max,"
     "attacker_distance,attacker_distance_max,attacker_cosine,attacker_cosine_max"}};

}  // namespace

StudyFolder::StudyFolder(const std::string& path, const StudyPlan& plan,
                         const std::vector<int64_t>& seeds, bool resumed)
    : path_(path), plan_(plan), rounds_(plan.settings.integers("rounds")), totals_(plan) {
  if (resumed)
    read_tables(seeds);
  else
    make_tables();
}

StudyTable StudyFolder::table(size_t index) const {
  return {file(kTables[index][0]), kTables[index][1]};
}

void StudyFolder::make_tables() {
  std::error_code error;
  fs::create_directories(file("resume"), error);
  if (error) fail(ErrorKind::kData, "run folder {}: cannot be made ({})", path_, error.message());
  std::ofstream* const tables[] = {&cells_, &clients_, &geometry_};
  for (size_t i = 0; i < std::size(tables); ++i) {
    *tables[i] = open_table(table(i).path);
    write_line(*tables[i], table(i).header, path_);
  }
}

void StudyFolder::read_tables(const std::vector<int64_t>& seeds) {
  for (const StudyRow& row : mend_tables(table(0), table(1), table(2), plan_, seeds)) {
    totals_.add(row.seed, row.cell);
    ++before_[row.seed];
  }
  cells_ = open_table(table(0).path, std::ios::app);
  clients_ = open_table(table(1).path, std::ios::app);
  geometry_ = open_table(table(2).path, std::ios::app);
}

void StudyFolder::check_resumable(const std::string& path) {
  for (const std::string name : {"config.toml", "meta.json", "study.csv"})
    if (!fs::is_regular_file(fs::path(path) / name))
      fail(ErrorKind::kUsage, "--resume {}: is not the folder of a study, it has no {}", path,
           name);
  if (!fs::is_directory(fs::path(path) / "resume"))
    fail(ErrorKind::kUsage, "--resume {}: this study is finished, nothing is left to do", path);
}

std::string StudyFolder::model_file(int64_t seed, int64_t round) const {
  return file(fmt::format("resume/seed-{}-round-{}.safetensors", seed, round));
}

StudyPast StudyFolder::past(int64_t seed) const {
  StudyPast past;
  if (const auto found = before_.find(seed); found != before_.end()) past.cells = found->second;
  past.load = [this, seed](int64_t round, Model& model) {
    load_weights(model_file(seed, round), model);
  };
  past.round = rounds_.back();
  while (past.round > 0 && !fs::exists(model_file(seed, past.round))) --past.round;
  return past;
}

void StudyFolder::keep(int64_t seed, int64_t round, const Model& model) const {
  const ModelSpec& spec = model.spec();
  save_weights(model_file(seed, round), model, {spec.arch, spec.classes, 0, {}, {}});
  if (!std::binary_search(rounds_.begin(), rounds_.end(), round - 1))
    fs::remove(model_file(seed, round - 1));
}

void StudyFolder::forget(int64_t seed) const {
  for (int64_t round = 1; round <= rounds_.back(); ++round) fs::remove(model_file(seed, round));
}

void StudyFolder::finish() const { fs::remove_all(file("resume")); }

void StudyFolder::add(int64_t seed, const StudyCell& cell, const std::vector<int64_t>& attackers) {
  totals_.add(seed, cell);
  const RoundRecord& record = cell.record;
  const Detection& d = record.detection;
  const auto accepted = std::count_if(record.clients.begin(), record.clients.end(),
                                      [](const ClientRecord& client) { return client.accepted; });
  for (size_t i = 0; i < record.clients.size(); ++i) {
    const ClientRecord& c = record.clients[i];
    std::string geometry = ",,";
    if (!cell.geometry.empty())
      geometry =
          fmt::format("{},{},{}", csv_number(cell.geometry[i].norm),
                      csv_number(cell.geometry[i].distance), csv_number(cell.geometry[i].cosine));
    write_line(
        clients_,
        fmt::format("{},{},{},{},{},{},{:d},{:d},{:d},{}", row_key(seed, cell, plan_), c.client,
                    c.samples, csv_number(c.loss), csv_number(c.score),
                    csv_number(record.threshold), c.accepted, c.nonfinite, c.malicious, geometry),
        path_);
  }
  if (!cell.closed_loop && cell.defense == 0) add_attack(seed, cell, attackers);
  // The last of the three tables: without its row a cell was not made.
  write_line(cells_,
             fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}", row_key(seed, cell, plan_),
                         csv_number(record.threshold), accepted, d.tp, d.fp, d.tn, d.fn,
                         d.nonfinite, cell_of(d.tpr), cell_of(d.fpr), cell_of(d.auc),
                         cell_of(record.accuracy), cell_of(record.loss), record.seconds.defense),
             path_);
}

void StudyFolder::add_attack(int64_t seed, const StudyCell& cell,
                             const std::vector<int64_t>& attackers) {
  std::vector<double> norm[2], distance[2], cosine[2];  // of the benign, of the attackers
  for (size_t i = 0; i < cell.geometry.size(); ++i) {
    const size_t who =
        std::binary_search(attackers.begin(), attackers.end(), cell.record.clients[i].client);
    norm[who].push_back(cell.geometry[i].norm);
    distance[who].push_back(cell.geometry[i].distance);
    cosine[who].push_back(cell.geometry[i].cosine);
  }
  std::string row =
      fmt::format("{},{},{},{},{}", seed, cell.record.round, plan_.attacks[cell.attack].name,
                  cell_of(cell.record.accuracy), cell_of(totals_.harm(seed, cell)));
  for (const size_t who : {size_t{0}, size_t{1}})
    for (const auto* values : {&norm[who], &distance[who], &cosine[who]})
      row += fmt::format(",{}", mean_and_largest(*values));
  write_line(geometry_, row, path_);
}

}  // namespace fedcamae
