// SGD, Adam and AdamW, line by line as in the algorithm boxes of PyTorch's documentation.
#pragma once

#include <cmath>

#include "core/backend.h"
#include "core/reference/array.h"

namespace fedcamae::reference {

// step counts from 1; the buffer begins as the first gradient, without dampening.
inline void sgd_step(const SgdSpec& spec, int64_t step, const Array<double>& grad,
                     Array<double>& parameter, Array<double>& buffer) {
  const double lr = spec.lr, momentum = spec.momentum, dampening = spec.dampening;
  for (int64_t i = 0; i < parameter.size(); ++i) {
    double g = grad[i] + static_cast<double>(spec.weight_decay) * parameter[i];
    if (spec.momentum != 0) {
      buffer[i] = step == 1 ? g : momentum * buffer[i] + (1 - dampening) * g;
      g = spec.nesterov ? g + momentum * buffer[i] : buffer[i];
    }
    parameter[i] -= lr * g;
  }
}

inline void adam_step(const AdamSpec& spec, int64_t step, const Array<double>& grad,
                      Array<double>& parameter, Array<double>& m, Array<double>& v) {
  const double lr = spec.lr, beta1 = spec.beta1, beta2 = spec.beta2, decay = spec.weight_decay;
  const double t = static_cast<double>(step);
  for (int64_t i = 0; i < parameter.size(); ++i) {
    double g = grad[i];
    if (spec.decoupled) {
      parameter[i] -= lr * decay * parameter[i];
    } else {
      g += decay * parameter[i];
    }
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const double m_hat = m[i] / (1 - std::pow(beta1, t));
    const double v_hat = v[i] / (1 - std::pow(beta2, t));
    parameter[i] -= lr * m_hat / (std::sqrt(v_hat) + static_cast<double>(spec.eps));
  }
}

}  // namespace fedcamae::reference
