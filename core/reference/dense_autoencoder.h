// A dense autoencoder's training step (core/backend.h), layer by layer.
#pragma once

#include <cmath>

#include "core/reference/gemm.h"
#include "core/reference/optimizer.h"

namespace fedcamae::reference {

// A weight and Adam's moments.
struct Trained {
  Array<double> parameter, m, v;
};

// Returns the loss; `dhidden` is overwritten.
inline double decoder_step(const AdamSpec& spec, int64_t step, const Array<double>& x,
                           const Array<double>& hidden, Trained& weight, Trained& bias,
                           Array<double>& dhidden) {
  Array<double> dz(x.shape);
  gemm({.transpose_b = true}, hidden, weight.parameter, dz);
  const auto count = static_cast<double>(x.size());
  double loss = 0;
  Array<double> dbias(bias.parameter.shape);
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t pixel = i % x.shape[1];
    const double y = 1 / (1 + std::exp(-(dz[i] + bias.parameter[pixel])));
    loss += (y - x[i]) * (y - x[i]) / count;
    dz[i] = 2 / count * (y - x[i]) * y * (1 - y);
    dbias[pixel] += dz[i];
  }
  gemm({}, dz, weight.parameter, dhidden);
  Array<double> dweight(weight.parameter.shape);
  gemm({.transpose_a = true}, dz, hidden, dweight);
  adam_step(spec, step, dweight, weight.parameter, weight.m, weight.v);
  adam_step(spec, step, dbias, bias.parameter, bias.m, bias.v);
  return loss;
}

// z is overwritten.
inline void encoder_step(const AdamSpec& spec, int64_t step, const Array<double>& x,
                         const Array<double>& dz, Trained& weight, Array<double>& z) {
  Array<double> dweight(weight.parameter.shape);
  gemm({.transpose_a = true}, x, dz, dweight);
  adam_step(spec, step, dweight, weight.parameter, weight.m, weight.v);
  gemm({}, x, weight.parameter, z);
}

}  // namespace fedcamae::reference
