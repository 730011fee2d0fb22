// Temporary folders, tiny data sets, and the built program as a child process.
#pragma once

#include <csignal>
#include <functional>
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

}  // namespace fedcamae::testing
