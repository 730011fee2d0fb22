#include "layers/module.h"

#include <utility>

namespace fedcamae {
namespace {

thread_local Observer* current_observer = nullptr;

// Visits the children only.
class SetTraining final : public StateVisitor {
 public:
  explicit SetTraining(bool training) : training_(training) {}
  void parameter(const std::string&, Parameter&) override {}
  void statistic(const std::string&, Shape, Tensor&) override {}
  void counter(const std::string&, int64_t*&) override {}
  void child(const std::string&, Module& module) override { module.set_training(training_); }

 private:
  bool training_;
};

}  // namespace

void Module::set_training(bool training) {
  training_ = training;
  SetTraining children(training);
  visit(children);
}

Var Module::observed(const Var& y) const {
  return current_observer == nullptr ? y : current_observer->seen(*this, y);
}

Observer::Observer() : before_(std::exchange(current_observer, this)) {}
Observer::~Observer() { current_observer = before_; }

}  // namespace fedcamae
