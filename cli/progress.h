// How far a long job is, on stderr: a bar that is redrawn on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fedcamae {

class Progress {
 public:
  // lines_every: seconds between two plain lines; 0 = every update is one. before: how many of the
  // total were finished when this job began.
  Progress(std::string what, int64_t total, double lines_every = 5.0, int64_t before = 0);
  // `done` of `total` are finished; `fraction` of the next one is, in [0, 1).
  void update(int64_t done, const std::string& note, double fraction = 0);
  void redraw(int64_t done, const std::string& note, double fraction);  // terminals only
  void finish();

 private:
  double elapsed() const;
  std::string remaining(double finished) const;

  std::string what_;
  int64_t total_, before_;
  double lines_every_, last_line_ = -1e9, last_draw_ = -1e9;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_;
};

std::string duration_text(double seconds);  // "1:05", "2:03:04"

}  // namespace fedcamae
