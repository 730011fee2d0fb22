// W client workers, each with a context of T threads and a model of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/context.h"
#include "fl/federation.h"
#include "models/model.h"

namespace fedcamae {

// The two questions and reports of a round that come from worker threads, one at a time.
class RoundHooks {
 public:
  RoundHooks(const std::function<void(int64_t, int64_t)>& on_client,
             const std::function<bool()>& stop)
      : on_client_(on_client), stop_(stop) {}
  bool stopped();                   // asks; once true, true for ever
  void client_done(int64_t total);  // reports progress

 private:
  const std::function<void(int64_t, int64_t)>& on_client_;
  const std::function<bool()>& stop_;
  std::mutex mutex_;
  int64_t done_ = 0;
  bool stopped_ = false;
};

class Workers {
 public:
  explicit Workers(const FederationSpec& spec);
  // Calls work(model, job) for every job in [0, jobs), each worker taking the next one that is
  // left; before its first job a worker calls prepare(model), where there is one. The first
  // exception ends the taking, and is thrown here when all workers are back.
  void run(int64_t jobs, const std::function<void(Model&, int64_t)>& work,
           const std::function<void(Model&)>& prepare = {});

 private:
  struct Worker {
    Context context;
    Model model;
    Worker(const ContextOptions& options, const ModelSpec& spec)
        : context(options), model(spec, context) {}
  };
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace fedcamae
