#include "core/profile.h"

namespace fedcamae {
namespace {

thread_local ProfilePhase* current_phase = nullptr;

}  // namespace

void Profile::add_phase(const std::string& phase, double seconds) {
  const std::lock_guard lock(mutex_);
  ProfileSum& sum = phases_[phase];
  ++sum.calls;
  sum.seconds += seconds;
}

void Profile::add_call(const std::string& phase, const std::string& primitive, double seconds) {
  const std::lock_guard lock(mutex_);
  ProfileSum& sum = calls_[{phase, primitive}];
  ++sum.calls;
  sum.seconds += seconds;
}

std::map<std::string, ProfileSum> Profile::phases() const {
  const std::lock_guard lock(mutex_);
  return phases_;
}
std::map<Profile::Key, ProfileSum> Profile::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

ProfilePhase::ProfilePhase(const Context& context, const char* phase)
    : profile_(context.profile()), phase_(phase) {
  if (profile_ == nullptr) return;
  outer_ = current_phase;
  if (outer_ != nullptr)
    outer_->seconds_ += std::chrono::duration<double>(Clock::now() - outer_->since_).count();
  current_phase = this;
  since_ = Clock::now();
}

ProfilePhase::~ProfilePhase() {
  if (profile_ == nullptr) return;
  const Clock::time_point now = Clock::now();
  seconds_ += std::chrono::duration<double>(now - since_).count();
  profile_->add_phase(phase_, seconds_);
  current_phase = outer_;
  if (outer_ != nullptr) outer_->since_ = now;
}

const char* ProfilePhase::current() {
  return current_phase == nullptr ? kOutside : current_phase->phase_;
}

}  // namespace fedcamae
