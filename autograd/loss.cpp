#include <vector>

#include "autograd/functions.h"

namespace fedcamae {

Var softmax_cross_entropy(const Var& logits, const IndexTensor& labels, float smoothing) {
  const ops::CrossEntropyResult r = ops::softmax_cross_entropy(logits.value(), labels, smoothing);
  return Var::record(
      "softmax_cross_entropy", {{logits}}, r.loss,
      [probabilities = r.probabilities, labels, smoothing](const Tensor& dloss, GradSink& grads) {
        if (grads.needs(0))
          grads.give_new(
              0, ops::softmax_cross_entropy_backward(dloss, probabilities, labels, smoothing));
      });
}

Var mean_squared_error(const Var& prediction, const Tensor& target) {
  const Tensor difference = ops::sub(prediction.value(), target);
  Context& context = difference.context();
  const double count = static_cast<double>(difference.size());
  const double sum = ops::dot(difference, difference);
  return Var::record("mean_squared_error", {{prediction}},
                     Tensor::full(context, {}, static_cast<float>(sum / count)),
                     [difference, count](const Tensor& dloss, GradSink& grads) {
                       if (!grads.needs(0)) return;
                       const Tensor dx = grads.output(0);
                       ops::copy_(difference, dx);
                       ops::scale_(static_cast<float>(2.0 / count * dloss.item()), dx);
                     });
}

Var binary_cross_entropy(const Var& logits, const Tensor& target, float positive_weight) {
  const Tensor& x = logits.value();
  const Tensor ones = Tensor::full(x.context(), x.shape(), 1.0f);
  const Tensor below = ops::relu(ops::unary(Unary::kNegate, x));
  // log(1 + exp(-|x|)): with it, -log p = below + tail and -log(1 - p) = relu(x) + tail.
  const Tensor size = ops::add(ops::relu(x), below);
  const Tensor tail = ops::unary(
      Unary::kLog, ops::add(ones, ops::unary(Unary::kExp, ops::unary(Unary::kNegate, size))));
  const Tensor rest = ops::sub(ones, target);
  const double count = static_cast<double>(x.size());
  const double sum = positive_weight * ops::dot(target, ops::add(below, tail)) +
                     ops::dot(rest, ops::add(ops::relu(x), tail));
  return Var::record("binary_cross_entropy", {{logits}},
                     Tensor::full(x.context(), {}, static_cast<float>(sum / count)),
                     [p = ops::sigmoid(x), q = ops::sigmoid(ops::unary(Unary::kNegate, x)), target,
                      rest, positive_weight, count](const Tensor& dloss, GradSink& grads) {
                       if (!grads.needs(0)) return;
                       const Tensor dx =
                           ops::mul(rest, p);  // d / d logit = (1 - t) p - w t (1 - p)
                       ops::axpy_(-positive_weight, ops::mul(target, q), dx);
                       ops::scale_(static_cast<float>(dloss.item() / count), dx);
                       grads.give_new(0, dx);
                     });
}

Var weighted_sum(const Var& x, const Tensor& weights) {
  const double sum = ops::dot(x.value(), weights);
  return Var::record("weighted_sum", {{x}},
                     Tensor::full(weights.context(), {}, static_cast<float>(sum)),
                     [weights](const Tensor& dsum, GradSink& grads) {
                       if (!grads.needs(0)) return;
                       const Tensor dx = grads.output(0);
                       ops::copy_(weights, dx);
                       ops::scale_(dsum.item(), dx);
                     });
}

Var pick_and_sum(const Var& scores, const IndexTensor& classes) {
  const Shape shape = scores.shape();
  check(shape.rank() == 2 && shape[0] == classes.size(),
        "[pick_and_sum] one class per row of the scores, got {} and {} classes", shape,
        classes.size());
  std::vector<float> chosen(static_cast<size_t>(shape.size()), 0.0f);
  const std::vector<float> values = scores.value().to_host();
  const std::vector<int32_t> host = classes.to_host();
  double sum = 0;
  for (int64_t n = 0; n < shape[0]; ++n) {
    const int32_t c = host[static_cast<size_t>(n)];
    check(c >= 0 && c < shape[1], "[pick_and_sum] class {} of row {} is not in [0, {})", c, n,
          shape[1]);
    const auto at = static_cast<size_t>(n * shape[1] + c);
    chosen[at] = 1.0f;
    sum += static_cast<double>(values[at]);
  }
  Context& context = scores.value().context();
  const Tensor mask = Tensor::from(context, shape, chosen);
  return Var::record("pick_and_sum", {{scores}}, Tensor::full(context, {}, static_cast<float>(sum)),
                     [mask](const Tensor& dscore, GradSink& grads) {
                       if (!grads.needs(0)) return;
                       const Tensor dx = grads.output(0);
                       ops::copy_(mask, dx);
                       ops::scale_(dscore.item(), dx);
                     });
}

}  // namespace fedcamae
