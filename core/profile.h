// Where the time of a run goes: by phase of the program and by primitive of the backend. A context
// that is given a Profile hands out a backend that times every call; one without pays nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/context.h"

namespace fedcamae {

struct ProfileSum {
  int64_t calls = 0;
  double seconds = 0;
};

// Sums over every thread that adds to it: two workers fill two seconds a second.
class Profile {
 public:
  using Key = std::pair<std::string, std::string>;  // phase, primitive

  void add_phase(const std::string& phase, double seconds);  // of its own, without inner phases
  void add_call(const std::string& phase, const std::string& primitive, double seconds);
  std::map<std::string, ProfileSum> phases() const;
  std::map<Key, ProfileSum> calls() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, ProfileSum> phases_;
  std::map<Key, ProfileSum> calls_;
};

// While one lives, what this thread does belongs to `phase`, in the context's profile if it has
// one; an inner scope takes its time out of the outer one.
class ProfilePhase {
 public:
  ProfilePhase(const Context& context, const char* phase);
  ~ProfilePhase();
  ProfilePhase(const ProfilePhase&) = delete;
  ProfilePhase& operator=(const ProfilePhase&) = delete;
  // The innermost phase of this thread.
  static constexpr const char* kOutside = "other";  // of all of them
  static const char* current();

 private:
  using Clock = std::chrono::steady_clock;

  Profile* profile_;  // nullptr: nothing is measured
  const char* phase_;
  ProfilePhase* outer_ = nullptr;
  double seconds_ = 0;  // before since_
  Clock::time_point since_;
};

// `inner` with every primitive timed, the device idle before and after: what a GPU would have run
// at the same time as the host or as another primitive, it runs alone.
std::shared_ptr<Backend> make_profiled_backend(std::shared_ptr<Backend> inner,
                                               std::shared_ptr<Profile> profile);

}  // namespace fedcamae
