// Batch norm with the running statistics, which are constants: an affine map per channel.
#include "core/cuda/batch_norm.cuh"
#include "core/cuda/cuda_backend.h"

namespace fedcamae::cuda {
namespace {

// scale = gamma / sqrt(var + eps), a channel a thread.
__global__ void __launch_bounds__(kThreads)
    eval_scale_kernel(const float* gamma, const float* var, float eps, float* scale,
                      int64_t channels) {
  for (int64_t c = thread_index(); c < channels; c += thread_count())
    scale[c] = gamma[c] * inverse_deviation(static_cast<double>(var[c]), eps);
}

struct TakeEvalGradients {
  const float* var;
  float eps;
  float* dgamma;
  float* dbeta;

  __device__ void operator()(int64_t c, const double (&sums)[2]) const {
    const float inv_std = inverse_deviation(static_cast<double>(var[c]), eps);
    dbeta[c] = static_cast<float>(sums[0]);
    dgamma[c] = static_cast<float>(sums[1] * static_cast<double>(inv_std));
  }
};

void launch_eval_scale(cudaStream_t stream, ConstView gamma, ConstView var, float eps,
                       float* scale) {
  eval_scale_kernel<<<blocks_for(gamma.size()), kThreads, 0, stream>>>(gamma.data, var.data, eps,
                                                                       scale, gamma.size());
}

}  // namespace

void CudaBackend::batch_norm_eval(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                                  const BatchNormSpec& spec, ConstView running_mean,
                                  ConstView running_var, View y) {
  if (x.size() == 0) return;
  float* scale = scratch_of<float>(gamma.size());
  launch_eval_scale(stream(), gamma, running_var, spec.eps, scale);
  launched("batch_norm_eval's scale");
  launch_norm_forward(stream(), x, running_mean.data, scale, beta, residual, spec.relu, y);
  launched("batch_norm_eval");
}

void CudaBackend::batch_norm_eval_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                           const BatchNormSpec& spec, ConstView running_mean,
                                           ConstView running_var, BatchNormGrads out) {
  if (x.size() == 0) return;
  const int64_t channels = gamma.size();
  const bool sums = out.dgamma.data != nullptr;
  float* scale = scratch_of<float>(channels + (sums ? norm_partials(x) : 0));
  if (sums) {
    const TakeEvalGradients take{running_var.data, spec.eps, out.dgamma.data, out.dbeta.data};
    launch_gradient_sums(stream(), dy, x, y, spec.relu, running_mean.data, scale + channels, take);
    launched("batch_norm_eval_backward's sums");
  }
  launch_eval_scale(stream(), gamma, running_var, spec.eps, scale);
  launched("batch_norm_eval_backward's scale");
  launch_norm_backward<false>(stream(), dy, x, y, spec.relu,
                              {running_mean.data, scale, nullptr, nullptr}, out);
  launched("batch_norm_eval_backward");
}

}  // namespace fedcamae::cuda
