// The loop of the benchmarks that repeat one piece of work: warm-up, median, or one repetition for
// each line on stdin (--serve), which is how compare_step.py runs them against PyTorch.
#pragma once

#include <algorithm>
#include <iostream>
#include <vector>

#include "bench/machine.h"
#include "core/error.h"

namespace fedcamae::bench {

struct Repeat {
  int steps = 20;
  int warmup = 3;
  bool json_lines = false;
  bool serve = false;

  void add_to(CLI::App& app) {
    app.add_option("--steps", steps, "steps measured")->check(CLI::PositiveNumber);
    app.add_option("--warmup", warmup, "steps before them")->check(CLI::NonNegativeNumber);
    app.add_flag("--json-lines", json_lines, "one line of JSON a step, warm-up included");
    app.add_flag("--serve", serve, "a step for each line on stdin");
  }

  // `step()` returns a line of JSON with "seconds"; `what` begins the last line, `images` are those
  // of one step.
  template <class Step>
  void run(const Step& step, const std::string& what, int64_t images) const {
    if (serve) {
      std::string line;
      while (std::getline(std::cin, line)) std::cout << step().dump() << std::endl;
      return;
    }
    std::vector<double> seconds;
    nlohmann::json last;
    for (int i = 0; i < warmup + steps; ++i) {
      last = step();
      if (json_lines) std::cout << last.dump() << std::endl;
      if (i >= warmup) seconds.push_back(last["seconds"]);
    }
    if (json_lines) return;
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    fmt::print(
        "{}: median {:.1f} ms (best {:.1f}), {:.0f} images/s, peak {:.0f} MiB, tensors {:.0f} "
        "MiB\n",
        what, median * 1e3, seconds[0] * 1e3, static_cast<double>(images) / median,
        last["peak_rss_mib"].get<double>(), last["peak_pool_mib"].get<double>());
  }
};

// A program's main: flags, then work(); errors become one line and the project's exit codes.
template <class Work>
int run_main(CLI::App& app, int argc, char** argv, const Work& work) {
  CLI11_PARSE(app, argc, argv);
  try {
    work();
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return error.exit_code();
  }
}

}  // namespace fedcamae::bench
