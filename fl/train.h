// Training and evaluation of one model: what a client does in a round, and `fedcamae train`.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "data/dataset.h"
#include "data/loader.h"
#include "layers/optimizer.h"
#include "models/model.h"

namespace fedcamae {

struct TrainSpec {
  OptimizerSpec optimizer = {};
  ScheduleSpec schedule = {};
  float label_smoothing = 0;
  int64_t steps = 0;  // mini-batches in all
};
struct TrainStep {
  int64_t step = 0;  // from 1
  double loss = 0;
  double seconds = 0;  // of this step alone, waiting for its batch included
};
// Trains in place, with fresh optimiser moments. `on_step` may be empty; it returns false to stop.
// Returns the mean loss over the steps, NaN where there were none; throws Error{kDiverged} nowhere:
// a loss that is not finite is reported as it is. The model's mode is left as it was.
double train(Model& model, BatchLoader& loader, const TrainSpec& spec,
             const std::function<bool(const TrainStep&)>& on_step = {});

struct Evaluation {
  int64_t count = 0;
  double accuracy = 0;  // in [0, 1]
  double loss = 0;      // mean cross-entropy; NaN where the count is 0
  // One entry per output of the model (there may be more than the data set has classes).
  std::vector<int64_t> class_count, class_correct;
};
// Over `indices` of `set`, in evaluation mode; the model's mode is left as it was.
Evaluation evaluate(Model& model, const ImageSet& set, const std::vector<int64_t>& indices,
                    const Normalization& normalization, int64_t batch = 128);

}  // namespace fedcamae
