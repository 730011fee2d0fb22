// Plans kept by key, at most `most` of them; the one that was not asked for longest goes first.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace fedcamae::cuda {

template <class Key, class Plan>
class PlanCache {
 public:
  explicit PlanCache(size_t most) : most_(most) {}

  // The plan of `key`; make() where it is not kept. It lives until the next call.
  template <class Make>
  const Plan& get(const Key& key, const Make& make) {
    const auto found = at_.find(key);
    if (found != at_.end()) {
      plans_.splice(plans_.begin(), plans_, found->second);
      return plans_.front().second;
    }
    plans_.emplace_front(key, make());
    at_[key] = plans_.begin();
    if (plans_.size() > most_) {
      at_.erase(plans_.back().first);
      plans_.pop_back();
    }
    return plans_.front().second;
  }

 private:
  size_t most_;
  std::list<std::pair<Key, Plan>> plans_;  // the latest first
  std::map<Key, typename std::list<std::pair<Key, Plan>>::iterator> at_;
};

}  // namespace fedcamae::cuda
