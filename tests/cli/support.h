// Temporary folders, tiny data sets, and the built program as a child process.
#pragma once

#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fedcamae::testing {

// A new folder, removed with everything in it at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& text);
std::string read_text(const std::string& path);
std::vector<std::string> lines_of(const std::string& text);

// CIFAR-10 binary files in `folder`: `train` and `test` records whose class is visible as colour.
void write_cifar10(const std::string& folder, int train, int test);
// Its training part alone, with other images from record `same` on.
void write_cifar10_changed(const std::string& folder, int train, int same);
// A 40 x 24 PNG with a gradient.
void write_image(const std::string& path);

struct ProgramResult {
  int code = 0;  // exit code, or 1000 + signal
  std::string out, err;
};
// Runs fedcamae with these arguments. `signal_when`: once it is true of stderr so far, `signal` is
// sent. `environment`: "NAME=value" entries added to ours.
ProgramResult run_fedcamae(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment = {}, int signal = 0,
                           const std::function<bool(const std::string&)>& signal_when = {});

// One JSON value, or a failed check with what it was instead.
nlohmann::json parse_json(const std::string& text);
bool contains(const std::string& text, const std::string& part);
// An error of the program: this exit code, nothing on stdout, one line on stderr that holds `part`.
void check_refusal(const ProgramResult& result, int code, const std::string& part);
// No escape sequences and no carriage returns: nothing of it went to a terminal.
void check_plain(const ProgramResult& result);

// An .npy file of float32 (numpy.lib.format, version 1.0).
struct Npy {
  std::string shape;  // as Python writes it: "(32, 32)"
  std::vector<float> values;
};
Npy read_npy(const std::string& path);

}  // namespace fedcamae::testing
