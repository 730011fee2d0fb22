#include "cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/talk.h"

namespace fedcamae {
namespace {
constexpr int kBarWidth = 24;            // characters
constexpr double kSecondsPerDraw = 0.1;  // a terminal is not redrawn more often
}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(0.0, seconds)));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

Progress::Progress(std::string what, int64_t total, double lines_every, int64_t before)
    : what_(std::move(what)),
      total_(total),
      before_(before),
      lines_every_(lines_every),
      terminal_(stderr_is_terminal()),
      start_(std::chrono::steady_clock::now()) {}

double Progress::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

std::string Progress::remaining(double finished) const {
  const double mine = finished - static_cast<double>(before_);
  if (mine <= 0) return "?";
  return duration_text(elapsed() / mine * (static_cast<double>(total_) - finished));
}

void Progress::redraw(int64_t done, const std::string& note, double fraction) {
  if (!terminal_) return;
  const double now = elapsed();
  if (now - last_draw_ < kSecondsPerDraw && done < total_) return;
  last_draw_ = now;
  const double finished = static_cast<double>(done) + fraction;
  const int filled = total_ == 0
                         ? kBarWidth
                         : static_cast<int>(kBarWidth * finished / static_cast<double>(total_));
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {} {}/{} {} ETA {}\033[K", "", filled, "",
             kBarWidth - filled, what_, done, total_, note, remaining(finished));
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::update(int64_t done, const std::string& note, double fraction) {
  if (terminal_) {
    redraw(done, note, fraction);
    return;
  }
  const double now = elapsed();
  if (now - last_line_ < lines_every_ && done < total_) return;
  last_line_ = now;
  talk("{} {}/{} {} ETA {}", what_, done, total_, note,
       remaining(static_cast<double>(done) + fraction));
}

void Progress::finish() {
  if (drawn_) fmt::print(stderr, "\n");
  drawn_ = false;
}

}  // namespace fedcamae
