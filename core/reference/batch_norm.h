// Batch norm (Ioffe and Szegedy, 2015) over all rows, per channel, with what is fused to it:
// y = f((x - mean) / sqrt(var + eps) * gamma + beta [+ residual]), f = ReLU or identity.
#pragma once

#include <cmath>

#include "core/backend.h"
#include "core/reference/array.h"

namespace fedcamae::reference {

template <class T>
struct BatchNormResult {
  Array<T> y, mean, inv_std;           // [rows, C], [C], [C]
  Array<T> running_mean, running_var;  // as they are afterwards
};
template <class T>
struct BatchNormGradients {
  Array<T> dx, dgamma, dbeta, dresidual;
};

// The part that both modes share. residual may have no elements.
template <class T>
Array<T> normalize(const Array<T>& x, const Array<T>& mean, const Array<T>& inv_std,
                   const Array<T>& gamma, const Array<T>& beta, const Array<T>& residual,
                   bool relu) {
  Array<T> y(x.shape);
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 0; c < x.shape.back(); ++c) {
      T z = (x(i, c) - mean[c]) * inv_std[c] * gamma[c] + beta[c];
      if (residual.size() > 0) z += residual(i, c);
      y(i, c) = relu && real_part(z) <= 0 ? T(0) : z;
    }
  return y;
}

template <class T>
BatchNormResult<T> batch_norm_train(const Array<T>& x, const Array<T>& gamma, const Array<T>& beta,
                                    const Array<T>& residual, const BatchNormSpec& spec,
                                    const Array<T>& running_mean, const Array<T>& running_var) {
  const int64_t rows = x.shape.rows();
  const double count = static_cast<double>(rows);
  const double momentum = spec.momentum;
  const Shape channels{x.shape.back()};
  BatchNormResult<T> out{{}, Array<T>(channels), Array<T>(channels), running_mean, running_var};
  for (int64_t c = 0; c < channels[0]; ++c) {
    T mean(0), squares(0);
    for (int64_t i = 0; i < rows; ++i) mean += x(i, c) / count;
    for (int64_t i = 0; i < rows; ++i) squares += (x(i, c) - mean) * (x(i, c) - mean);
    using std::sqrt;
    out.mean[c] = mean;
    out.inv_std[c] = 1.0 / sqrt(squares / count + static_cast<double>(spec.eps));
    out.running_mean[c] = (1 - momentum) * running_mean[c] + momentum * mean;
    out.running_var[c] = (1 - momentum) * running_var[c] + momentum * squares / (count - 1);
  }
  out.y = normalize(x, out.mean, out.inv_std, gamma, beta, residual, spec.relu);
  return out;
}

template <class T>
Array<T> inverse_deviation(const Array<T>& var, const BatchNormSpec& spec) {
  using std::sqrt;
  Array<T> inv_std(var.shape);
  for (int64_t c = 0; c < var.size(); ++c)
    inv_std[c] = 1.0 / sqrt(var[c] + static_cast<double>(spec.eps));
  return inv_std;
}

template <class T>
Array<T> batch_norm_eval(const Array<T>& x, const Array<T>& gamma, const Array<T>& beta,
                         const Array<T>& residual, const BatchNormSpec& spec,
                         const Array<T>& running_mean, const Array<T>& running_var) {
  return normalize(x, running_mean, inverse_deviation(running_var, spec), gamma, beta, residual,
                   spec.relu);
}

// Gradients that both modes share; dx is that of constant statistics.
template <class T>
BatchNormGradients<T> batch_norm_common_backward(const Array<T>& dy, const Array<T>& x,
                                                 const Array<T>& y, const Array<T>& gamma,
                                                 const Array<T>& mean, const Array<T>& inv_std,
                                                 bool relu) {
  const Shape channels{x.shape.back()};
  BatchNormGradients<T> d{Array<T>(x.shape), Array<T>(channels), Array<T>(channels),
                          Array<T>(x.shape)};
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 0; c < channels[0]; ++c) {
      const T dz = relu && real_part(y(i, c)) <= 0 ? T(0) : dy(i, c);
      d.dresidual(i, c) = dz;
      d.dbeta[c] += dz;
      d.dgamma[c] += dz * (x(i, c) - mean[c]) * inv_std[c];
      d.dx(i, c) = dz * gamma[c] * inv_std[c];
    }
  return d;
}

template <class T>
BatchNormGradients<T> batch_norm_eval_backward(const Array<T>& dy, const Array<T>& x,
                                               const Array<T>& y, const Array<T>& gamma,
                                               const BatchNormSpec& spec,
                                               const Array<T>& running_mean,
                                               const Array<T>& running_var) {
  return batch_norm_common_backward(dy, x, y, gamma, running_mean,
                                    inverse_deviation(running_var, spec), spec.relu);
}

// The batch mean and variance depend on x: dx loses its mean and its part along x.
template <class T>
BatchNormGradients<T> batch_norm_train_backward(const Array<T>& dy, const Array<T>& x,
                                                const Array<T>& y, const Array<T>& gamma,
                                                const BatchNormSpec& spec, const Array<T>& mean,
                                                const Array<T>& inv_std) {
  BatchNormGradients<T> d = batch_norm_common_backward(dy, x, y, gamma, mean, inv_std, spec.relu);
  const double count = static_cast<double>(x.shape.rows());
  for (int64_t i = 0; i < x.shape.rows(); ++i)
    for (int64_t c = 0; c < x.shape.back(); ++c) {
      const T normalized = (x(i, c) - mean[c]) * inv_std[c];
      d.dx(i, c) -= gamma[c] * inv_std[c] * (d.dbeta[c] / count + normalized * d.dgamma[c] / count);
    }
  return d;
}

}  // namespace fedcamae::reference
