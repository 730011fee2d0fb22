// Losses: cross-entropy of a softmax with label smoothing (Szegedy et al., 2016, section 7), and
// the mean squared error.
#pragma once

#include <cmath>
#include <span>

#include "core/reference/array.h"

namespace fedcamae::reference {

template <class T>
struct CrossEntropy {
  T loss;                  // mean over the rows
  Array<T> probabilities;  // [N, C]
  Array<T> loss_per_row;   // [N]
};

inline double smoothed_target(int64_t c, int32_t label, double smoothing, int64_t classes) {
  return (c == label ? 1 - smoothing : 0.0) + smoothing / static_cast<double>(classes);
}

template <class T>
CrossEntropy<T> softmax_cross_entropy(const Array<T>& logits, std::span<const int32_t> labels,
                                      double smoothing) {
  using std::exp, std::log;
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  CrossEntropy<T> out{T(0), Array<T>(logits.shape), Array<T>(Shape{rows})};
  for (int64_t i = 0; i < rows; ++i) {
    T largest = logits(i, 0);
    for (int64_t c = 1; c < classes; ++c)
      if (real_part(logits(i, c)) > real_part(largest)) largest = logits(i, c);
    T total(0);
    for (int64_t c = 0; c < classes; ++c) total += exp(logits(i, c) - largest);
    for (int64_t c = 0; c < classes; ++c) {
      const T log_probability = logits(i, c) - largest - log(total);
      out.probabilities(i, c) = exp(log_probability);
      out.loss_per_row[i] -=
          smoothed_target(c, labels[static_cast<size_t>(i)], smoothing, classes) * log_probability;
    }
    out.loss += out.loss_per_row[i] / static_cast<double>(rows);
  }
  return out;
}

template <class T>
Array<T> softmax_cross_entropy_backward(T dloss, const Array<T>& probabilities,
                                        std::span<const int32_t> labels, double smoothing) {
  const int64_t rows = probabilities.shape[0], classes = probabilities.shape[1];
  Array<T> dlogits(probabilities.shape);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < classes; ++c)
      dlogits(i, c) = dloss / static_cast<double>(rows) *
                      (probabilities(i, c) -
                       smoothed_target(c, labels[static_cast<size_t>(i)], smoothing, classes));
  return dlogits;
}

template <class T>
T mse(const Array<T>& prediction, const Array<T>& target) {
  T total(0);
  for (int64_t i = 0; i < prediction.size(); ++i)
    total += (prediction[i] - target[i]) * (prediction[i] - target[i]);
  return total / static_cast<double>(prediction.size());
}

}  // namespace fedcamae::reference
