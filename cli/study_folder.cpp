#include "cli/study_folder.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "cli/run_folder.h"
#include "core/error.h"

namespace fedcamae {
namespace {

std::string cell_of(const std::optional<double>& value) { return value ? csv_number(*value) : ""; }

std::vector<std::string> names_of(const std::vector<StudyEntry>& entries) {
  std::vector<std::string> names;
  for (const StudyEntry& entry : entries) names.push_back(entry.name);
  return names;
}

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

}  // namespace

StudyFolder::StudyFolder(const std::string& path, const StudyPlan& plan)
    : path_(path),
      attacks_(names_of(plan.attacks)),
      defenses_(names_of(plan.defenses)),
      totals_(plan) {
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error) fail(ErrorKind::kData, "run folder {}: cannot be made ({})", path_, error.message());
  cells_ = open_table(file("study.csv"));
  clients_ = open_table(file("study_clients.csv"));
  geometry_ = open_table(file("study_attacks.csv"));
  write_line(cells_,
             "seed,loop,round,attack,defense,threshold,accepted,tp,fp,tn,fn,nonfinite,tpr,fpr,auc,"
             "accuracy,loss,defense_s",
             path_);
  write_line(clients_,
             "seed,loop,round,attack,defense,client,samples,loss,score,threshold,accepted,"
             "nonfinite,malicious,norm,distance,cosine",
             path_);
  write_line(geometry_,
             "seed,round,attack,accuracy,harm,benign_norm,benign_norm_max,benign_distance,"
             "benign_distance_max,benign_cosine,benign_cosine_max,attacker_norm,attacker_norm_max,"
             "attacker_distance,attacker_distance_max,attacker_cosine,attacker_cosine_max",
             path_);
}

std::string StudyFolder::key(int64_t seed, const StudyCell& cell) const {
  return fmt::format("{},{},{},{},{}", seed, cell.closed_loop ? "closed" : "open",
                     cell.record.round, attacks_[cell.attack], defenses_[cell.defense]);
}

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
        fmt::format("{},{},{},{},{},{},{:d},{:d},{:d},{}", key(seed, cell), c.client, c.samples,
                    csv_number(c.loss), csv_number(c.score), csv_number(record.threshold),
                    c.accepted, c.nonfinite, c.malicious, geometry),
        path_);
  }
  write_line(cells_,
             fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}", key(seed, cell),
                         csv_number(record.threshold), accepted, d.tp, d.fp, d.tn, d.fn,
                         d.nonfinite, cell_of(d.tpr), cell_of(d.fpr), cell_of(d.auc),
                         cell_of(record.accuracy), cell_of(record.loss), record.seconds.defense),
             path_);
  if (!cell.closed_loop && cell.defense == 0) add_attack(seed, cell, attackers);
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
  std::string row = fmt::format("{},{},{},{},{}", seed, cell.record.round, attacks_[cell.attack],
                                cell_of(cell.record.accuracy), cell_of(totals_.harm(seed, cell)));
  for (const size_t who : {size_t{0}, size_t{1}})
    for (const auto* values : {&norm[who], &distance[who], &cosine[who]})
      row += fmt::format(",{}", mean_and_largest(*values));
  write_line(geometry_, row, path_);
}

}  // namespace fedcamae
