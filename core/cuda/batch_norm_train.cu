// Batch norm with the statistics of the batch.
#include "core/cuda/batch_norm.cuh"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

// channel_sums_kernel's body: the sums of x - shift and of its square, one pass. The shift is the
// first row, which lies within a few deviations of the mean: squares of large numbers do not
// cancel.
template <class A, class T>
struct Moments {
  const T* x;
  Values<A::kLanes> shift = {};

  __device__ void start(int64_t, int64_t channel) { shift = load<A>(x + channel); }
  __device__ void add(int64_t at, Values<A::kLanes> (&sums)[2]) {
    const auto values = load<A>(x + at);
#pragma unroll
    for (int i = 0; i < A::kLanes; ++i) {
      const float d = values.at[i] - shift.at[i];
      sums[0].at[i] += d;
      sums[1].at[i] += d * d;
    }
  }
};

// From a channel's sums to its statistics, in double.
template <class T>
struct TakeMoments {
  const T* x;  // its first row is the shift
  const float* gamma;
  float* mean;
  float* inv_std;
  float* scale;
  float* running_mean;
  float* running_var;
  double count, momentum;
  float eps;

  __device__ float moved(float old, double batch) const {
    return static_cast<float>((1.0 - momentum) * static_cast<double>(old) + momentum * batch);
  }
  __device__ void operator()(int64_t c, const double (&sums)[2]) const {
    const double shifted = sums[0] / count;
    const double center = static_cast<double>(read(x[c])) + shifted;
    const double rest = sums[1] - sums[0] * shifted;
    const double spread = rest < 0.0 ? 0.0 : rest;  // of all rows; a NaN stays
    mean[c] = static_cast<float>(center);
    inv_std[c] = inverse_deviation(spread / count, eps);
    scale[c] = gamma[c] * inv_std[c];
    running_mean[c] = moved(running_mean[c], center);
    running_var[c] = moved(running_var[c], spread / (count - 1.0));
  }
};

// From the sums of dz and dz * (x - mean) to the gradients of gamma and beta and to dx's factors.
struct TakeGradients {
  const float* gamma;
  const float* inv_std;
  float* dgamma;
  float* dbeta;
  float* scale;
  float* along;
  float* constant;
  double count;

  __device__ void operator()(int64_t c, const double (&sums)[2]) const {
    const double inverse = static_cast<double>(inv_std[c]);
    const double slope = static_cast<double>(gamma[c]) * inverse;
    dbeta[c] = static_cast<float>(sums[0]);
    dgamma[c] = static_cast<float>(sums[1] * inverse);
    scale[c] = static_cast<float>(slope);
    along[c] = static_cast<float>(-slope * inverse * inverse * sums[1] / count);
    constant[c] = static_cast<float>(-slope * sums[0] / count);
  }
};

}  // namespace

void CudaBackend::batch_norm_train(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                                   const BatchNormSpec& spec, View running_mean, View running_var,
                                   View y, BatchNormStats saved) {
  if (x.size() == 0) return;
  float* scale = scratch_of<float>(x.shape.back() + norm_partials(x));
  with_storage(x.type, [&](auto storage) {
    using T = typename decltype(storage)::Type;
    const TakeMoments<T> take{data_of<T>(x),
                              gamma.data,
                              saved.mean.data,
                              saved.inv_std.data,
                              scale,
                              running_mean.data,
                              running_var.data,
                              static_cast<double>(x.shape.rows()),
                              static_cast<double>(spec.momentum),
                              spec.eps};
    launch_norm_sums<T>(
        stream(), x, aligned(x.data), scale + x.shape.back(),
        [&]<class A>() { return Moments<A, T>{data_of<T>(x)}; }, take);
  });
  launched("batch_norm_train's sums");
  launch_norm_forward(stream(), x, saved.mean.data, scale, beta, residual, spec.relu, y);
  launched("batch_norm_train");
}

void CudaBackend::batch_norm_train_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                            const BatchNormSpec& spec, BatchNormStats saved,
                                            BatchNormGrads out) {
  if (x.size() == 0) return;
  const int64_t channels = x.shape.back();
  float* scale = scratch_of<float>(3 * channels + norm_partials(x));
  float* along = scale + channels;
  float* constant = along + channels;
  const TakeGradients take{gamma.data,      saved.inv_std.data,
                           out.dgamma.data, out.dbeta.data,
                           scale,           along,
                           constant,        static_cast<double>(x.shape.rows())};
  launch_gradient_sums(stream(), dy, x, y, spec.relu, saved.mean.data, constant + channels, take);
  launched("batch_norm_train_backward's sums");
  launch_norm_backward<true>(stream(), dy, x, y, spec.relu,
                             {saved.mean.data, scale, along, constant}, out);
  launched("batch_norm_train_backward");
}

}  // namespace fedcamae::cuda
