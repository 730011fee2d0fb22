// Puts a model into training or evaluation mode, and back when it ends, whatever happened.
#pragma once

#include "models/model.h"

namespace fedcamae {

class ModeScope {
 public:
  ModeScope(Model& model, bool training) : model_(model), before_(model.training()) {
    model_.set_training(training);
  }
  ~ModeScope() { model_.set_training(before_); }
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  Model& model_;
  bool before_;
};

}  // namespace fedcamae
