// The folder of one run. It must be new or empty, and every file in it is whole at every moment:
// the tables are flushed row by row, the others are written to a temporary name and renamed.
#pragma once

#include <fstream>
#include <string>

#include "cli/totals.h"
#include "fl/federation.h"

namespace fedcamae {

// Refuses, before any work: a file or a folder that is not empty (Error{kUsage}), a place that
// cannot be written to (Error{kData}). Makes nothing.
void check_run_folder(const std::string& path);
// "runs/<time>-<name>", with a number behind it where that is there already.
std::string default_run_folder(const std::string& name);

// The text and a newline, by way of a temporary name beside it. Throws Error{kData}.
void write_whole(const std::string& path, const std::string& text);

// A table that grows line by line, each flushed; new, or with `std::ios::app` behind what is there.
// Both throw Error{kData}, naming the file or `place`.
std::ofstream open_table(const std::string& path, std::ios::openmode mode = std::ios::trunc);
void write_line(std::ofstream& file, const std::string& line, const std::string& place);
std::string csv_number(double value);  // "" where it is not finite

class RunFolder {
 public:
  explicit RunFolder(const std::string& path);  // makes it, and the tables with their headers

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // Rows of metrics.csv, metrics.jsonl and clients.csv, and the panel of heat maps if there is one.
  void add_round(const RoundRecord& record, double elapsed_seconds);

 private:
  std::string path_;
  std::ofstream metrics_csv_, metrics_jsonl_, clients_csv_;
};

}  // namespace fedcamae
