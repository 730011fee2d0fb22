#include <algorithm>
#include <limits>

#include "core/ops.h"
#include "core/profile.h"
#include "fl/evaluate_batch.h"
#include "fl/train.h"
#include "models/mode_scope.h"

namespace fedcamae {

Evaluation evaluate_batch(Model& model, const ImageSet& set, const std::vector<int64_t>& indices,
                          int64_t first, int64_t n, const Normalization& normalization) {
  const NoGrad no_grad;
  const ProfilePhase phase(model.context(), "evaluation");
  const Batch batch = [&] {
    const ProfilePhase data(model.context(), "data");
    return make_batch(set, indices, first, n, normalization, model.context());
  }();
  const Tensor logits = model.forward(batch.images).value();
  const std::vector<float> losses =
      ops::softmax_cross_entropy(logits, batch.labels).loss_per_row.to_host();
  const std::vector<int32_t> predicted = ops::argmax_last(logits);
  Evaluation result;
  result.count = n;
  result.class_count.assign(static_cast<size_t>(model.spec().classes), 0);
  result.class_correct = result.class_count;
  for (size_t i = 0; i < losses.size(); ++i) {
    const int32_t label = set.labels[static_cast<size_t>(indices[static_cast<size_t>(first) + i])];
    const bool correct = predicted[i] == label;
    result.loss += losses[i];
    result.accuracy += correct ? 1 : 0;
    ++result.class_count[static_cast<size_t>(label)];
    result.class_correct[static_cast<size_t>(label)] += correct ? 1 : 0;
  }
  return result;
}

Evaluation merge_batches(const std::vector<Evaluation>& batches) {
  Evaluation sum;
  for (const Evaluation& batch : batches) {
    sum.count += batch.count;
    sum.accuracy += batch.accuracy;
    sum.loss += batch.loss;
    sum.class_count.resize(batch.class_count.size(), 0);
    sum.class_correct.resize(batch.class_correct.size(), 0);
    for (size_t c = 0; c < batch.class_count.size(); ++c) {
      sum.class_count[c] += batch.class_count[c];
      sum.class_correct[c] += batch.class_correct[c];
    }
  }
  const double count = static_cast<double>(sum.count);
  sum.accuracy = sum.count == 0 ? 0 : sum.accuracy / count;
  sum.loss = sum.count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum.loss / count;
  return sum;
}

Evaluation evaluate(Model& model, const ImageSet& set, const std::vector<int64_t>& indices,
                    const Normalization& normalization, int64_t batch) {
  check(batch > 0, "[evaluate] the batch holds at least one image, got {}", batch);
  const ModeScope mode(model, false);
  const int64_t count = static_cast<int64_t>(indices.size());
  std::vector<Evaluation> batches;
  for (int64_t first = 0; first < count; first += batch)
    batches.push_back(
        evaluate_batch(model, set, indices, first, std::min(batch, count - first), normalization));
  return merge_batches(batches);
}

}  // namespace fedcamae
