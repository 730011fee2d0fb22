// The CPU backend. Its methods stand by topic: backend.cpp (memory, matrices), elementwise.cpp,
// reduce.cpp, pool.cpp, resize.cpp, batch_norm.cpp, loss.cpp, optimizer.cpp.
#pragma once

#include "core/backend.h"

namespace fedcamae::cpu {

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int threads) : threads_(threads) {}
  std::string name() const override;

  void* allocate(size_t bytes) override;
  void release(void* block, size_t bytes) noexcept override;
  void copy(const void* from, void* to, size_t bytes) override;
  void copy_from_host(void* to, const void* host, size_t bytes) override;
  void copy_to_host(const void* from, void* host, size_t bytes) override;
  void set_bytes(void* block, int value, size_t bytes) override;
  void fill(View y, float value) override;
  void cast(ConstView x, View y) override;
  void synchronize() override {}  // everything is done when its call returns
  void wait_for(Backend&) override {}

  void unary(Unary f, ConstView x, View y) override;
  void unary_backward(Unary f, ConstView dy, ConstView kept, View dx) override;
  void binary(Binary f, ConstView a, ConstView b, View y) override;
  void axpy(float alpha, ConstView x, View y) override;
  void scale(float alpha, View x) override;
  void clamp(float low, float high, View x) override;
  void add_row(ConstView b, View x) override;
  void scale_channels(ConstView x, ConstView gate, View y) override;
  void scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                               View dgate) override;

  double sum(ConstView x) override;
  double dot(ConstView a, ConstView b) override;
  double squared_distance(ConstView a, ConstView b) override;
  void pairwise_squared_distances(std::span<const ConstView> vectors,
                                  std::span<double> table) override;
  void coordinate_median(std::span<const ConstView> vectors, View y) override;
  void coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t trim, View y) override;
  void gather(ConstView x, std::span<const int32_t> at, View y) override;
  bool all_finite(ConstView x) override;
  void sum_rows(ConstView x, View y) override;
  void sum_last(ConstView x, View y) override;
  void argmax_last(ConstView x, std::span<int32_t> y) override;
  void minmax_last(ConstView x, View low, View high) override;
  void scale_to_unit_last(View x) override;
  void fill_normal(const RandomKey& key, double mean, double deviation, View y) override;
  void fill_uniform(const RandomKey& key, int64_t first, double low, double high, View y) override;

  void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) override;
  void transpose(ConstView x, View y) override;
  bool steps_in_products() const override { return true; }
  void gemm_adam(ConstView dy, ConstView x, View grad, const AdamUpdate& update) override;
  void conv2d_backward_weight_adam(ConstView dy, ConstView x, const ConvSpec& spec, View grad,
                                   const AdamUpdate& update) override;
  double decoder_step(const DecoderStep& s) override;
  void encoder_step(const EncoderStep& s) override;
  void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) override;
  void conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) override;
  void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) override;

  void max_pool(ConstView x, const PoolSpec& spec, View y) override;
  void max_pool_backward(ConstView dy, ConstView x, const PoolSpec& spec, View dx) override;
  void avg_pool(ConstView x, const PoolSpec& spec, View y) override;
  void avg_pool_backward(ConstView dy, const PoolSpec& spec, View dx) override;
  void global_avg_pool(ConstView x, View y) override;
  void global_avg_pool_backward(ConstView dy, View dx) override;
  void resize_bilinear(ConstView x, View y) override;

  void batch_norm_train(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                        const BatchNormSpec& spec, View running_mean, View running_var, View y,
                        BatchNormStats saved) override;
  void batch_norm_train_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                 const BatchNormSpec& spec, BatchNormStats saved,
                                 BatchNormGrads out) override;
  void batch_norm_eval(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                       const BatchNormSpec& spec, ConstView running_mean, ConstView running_var,
                       View y) override;
  void batch_norm_eval_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                const BatchNormSpec& spec, ConstView running_mean,
                                ConstView running_var, BatchNormGrads out) override;

  void softmax_cross_entropy(ConstView logits, std::span<const int32_t> labels, float smoothing,
                             View probabilities, View loss_per_row) override;
  void softmax_cross_entropy_backward(ConstView dloss, ConstView probabilities,
                                      std::span<const int32_t> labels, float smoothing,
                                      View dlogits) override;

  void sgd_step(const SgdSpec& spec, int64_t step, ConstView grad, View parameter,
                View momentum) override;
  void adam_step(const AdamSpec& spec, int64_t step, ConstView grad, View parameter, View m,
                 View v) override;

 private:
  int threads_;
};

}  // namespace fedcamae::cpu
