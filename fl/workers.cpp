#include "fl/workers.h"

#include <atomic>
#include <exception>
#include <thread>

namespace fedcamae {

bool RoundHooks::stopped() {
  const std::lock_guard lock(mutex_);
  if (!stopped_ && stop_) stopped_ = stop_();
  return stopped_;
}

void RoundHooks::client_done(int64_t total) {
  const std::lock_guard lock(mutex_);
  ++done_;
  if (on_client_) on_client_(done_, total);
}

Workers::Workers(const FederationSpec& spec) {
  for (int w = 0; w < spec.workers; ++w)
    workers_.push_back(
        std::make_unique<Worker>(ContextOptions{.device = spec.device,
                                                .threads = spec.threads,
                                                .precision = spec.precision,
                                                .conv_algorithms = spec.conv_algorithms,
                                                .profile = spec.profile},
                                 spec.model));
}

void Workers::run(int64_t jobs, const std::function<void(Model&, int64_t)>& work,
                  const std::function<void(Model&)>& prepare) {
  std::atomic<int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr first;
  const auto loop = [&](Model& model) {
    try {
      int64_t job = next++;
      if (job < jobs && prepare) prepare(model);
      for (; job < jobs; job = next++) work(model, job);
    } catch (...) {
      next = jobs;
      const std::lock_guard lock(mutex);
      if (!first) first = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t w = 1; w < workers_.size() && static_cast<int64_t>(w) < jobs; ++w)
      threads.emplace_back([&loop, &worker = *workers_[w]] { loop(worker.model); });
    loop(workers_[0]->model);
  }
  if (first) std::rethrow_exception(first);
}

}  // namespace fedcamae
