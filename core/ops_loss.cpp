// Losses and optimiser steps.
#include "core/ops.h"
#include "core/ops_check.h"

namespace fedcamae::ops {
namespace {

void check_labels(const char* op, const Shape& rows, const IndexTensor& labels, float smoothing) {
  check_rank(op, "the class scores", rows, 2);
  check(labels.size() == rows[0], "[{}] one label per row of {}, got {}", op, rows, labels.size());
  check(rows[0] > 0, "[{}] the mean of no rows: {}", op, rows);
  check(smoothing >= 0 && smoothing <= 1, "[{}] label smoothing is from 0 to 1, got {}", op,
        smoothing);
}

}  // namespace

CrossEntropyResult softmax_cross_entropy(const Tensor& logits, const IndexTensor& labels,
                                         float smoothing) {
  check_float32("softmax_cross_entropy", {&logits});
  const Shape& shape = logits.shape();
  check_labels("softmax_cross_entropy", shape, labels, smoothing);
  for (const int32_t label : labels.to_host())
    check(label >= 0 && label < shape[1], "[softmax_cross_entropy] label {} is not in [0, {})",
          label, shape[1]);
  Context& context = logits.context();
  CrossEntropyResult result{Tensor(), Tensor(context, shape), Tensor(context, {shape[0]})};
  context.backend().softmax_cross_entropy(logits.view(), labels.view(), smoothing,
                                          result.probabilities.view(), result.loss_per_row.view());
  const double mean = sum(result.loss_per_row) / static_cast<double>(shape[0]);
  result.loss = Tensor::full(context, {}, static_cast<float>(mean));
  return result;
}

Tensor softmax_cross_entropy_backward(const Tensor& dloss, const Tensor& probabilities,
                                      const IndexTensor& labels, float smoothing) {
  check_float32("softmax_cross_entropy_backward", {&probabilities, &dloss});
  check_labels("softmax_cross_entropy_backward", probabilities.shape(), labels, smoothing);
  check(dloss.size() == 1, "[softmax_cross_entropy_backward] dloss is one number, got {}",
        dloss.shape());
  Tensor dlogits(probabilities.context(), probabilities.shape());
  probabilities.context().backend().softmax_cross_entropy_backward(
      dloss.view(), probabilities.view(), labels.view(), smoothing, dlogits.view());
  return dlogits;
}

void sgd_step_(const SgdSpec& spec, int64_t step, const Tensor& grad, const Tensor& parameter,
               const Tensor& momentum) {
  check_float32("sgd_step", {&parameter, &grad});
  check_same_size("sgd_step", parameter, grad);
  check(step >= 1, "[sgd_step] steps count from 1, got {}", step);
  check(!spec.nesterov || (spec.momentum > 0 && spec.dampening == 0),
        "[sgd_step] Nesterov needs a momentum and no dampening, got {} and {}", spec.momentum,
        spec.dampening);
  if (spec.momentum != 0) {
    check_float32("sgd_step", {&parameter, &momentum});
    check_same_size("sgd_step", parameter, momentum);
  }
  parameter.context().backend().sgd_step(spec, step, grad.view(), parameter.view(),
                                         momentum.defined() ? momentum.view() : View{});
}

void adam_step_(const AdamSpec& spec, int64_t step, const Tensor& grad, const Tensor& parameter,
                const Tensor& m, const Tensor& v) {
  check_float32("adam_step", {&parameter, &grad, &m, &v});
  for (const Tensor* t : {&grad, &m, &v}) check_same_size("adam_step", parameter, *t);
  check(step >= 1, "[adam_step] steps count from 1, got {}", step);
  parameter.context().backend().adam_step(spec, step, grad.view(), parameter.view(), m.view(),
                                          v.view());
}

}  // namespace fedcamae::ops
