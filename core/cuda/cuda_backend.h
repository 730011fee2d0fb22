// The CUDA backend: one GPU, one stream (and one for uploads), handles of cuBLAS and cuDNN. Its
// methods stand by topic: backend.cpp (memory, streams), gemm_cublas.cpp, conv_cudnn.cpp, and *.cu
// (our own kernels).
#pragma once

#include <cuda_runtime.h>

#include <memory>
#include <vector>

#include "core/backend.h"
#include "core/cuda/check.h"

namespace fedcamae::cuda {

class Blas;       // gemm_cublas.h
class Dnn;        // conv_cudnn.h
class Memory;     // memory.h: blocks, scratch
class Transfers;  // transfers.h: page-locked buffers
struct ConvProblem;

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(const ContextOptions& options);
  ~CudaBackend() override;

  std::string name() const override { return name_; }

  void* allocate(size_t bytes) override;
  void release(void* block, size_t bytes) noexcept override;
  void copy(const void* from, void* to, size_t bytes) override;
  void copy_from_host(void* to, const void* host, size_t bytes) override;
  void copy_to_host(const void* from, void* host, size_t bytes) override;
  void begin_upload(void* to, const void* host, size_t bytes) override;
  void finish_uploads() override;
  void set_bytes(void* block, int value, size_t bytes) override;
  void fill(View y, float value) override;
  void cast(ConstView x, View y) override;
  void synchronize() override;
  void wait_for(Backend& other) override;

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

  void transpose(ConstView x, View y) override;
  void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) override;
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
  // The stream; makes this GPU the calling thread's current one.
  cudaStream_t stream();
  // Device memory for the work that is asked for next; valid until the next call, which may hand
  // out the same bytes: the stream keeps the order.
  void* scratch(size_t bytes);
  template <class T>
  T* scratch_of(int64_t count) {
    return static_cast<T*>(scratch(static_cast<size_t>(count) * sizeof(T)));
  }
  // Where the vectors' numbers lie, as a list in scratch memory.
  const float* const* pointers_to(std::span<const ConstView> vectors);
  // Throws Error{kDevice} naming `kernel` where its launch failed.
  void launched(const char* kernel);
  // Copies `bytes` of device memory to the host and waits for them.
  void read_back(const void* device, void* host, size_t bytes);
  // For pairwise_squared_distances, in distances.cu.
  std::vector<double> squared_lengths(std::span<const ConstView> vectors);
  // [n, n] of the first n vectors relative to the rest: to the smallest number of them.
  std::vector<double> gram_matrix(const std::vector<const float*>& vectors, int64_t n,
                                  int64_t length);

  // Made when they are first used: cuDNN takes hundreds of milliseconds and MiB.
  Blas& blas();
  Dnn& dnn();
  template <class Call>
  void convolve(const ConvProblem& problem, ConstView a, ConstView b, View result,
                const Call& call);

  int device_;
  std::string name_;  // kept: asking a GPU that has failed throws
  Precision precision_;
  ConvAlgorithms algorithms_;
  Stream stream_, upload_stream_;
  Event so_far_, uploaded_;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Transfers> transfers_;
  std::unique_ptr<Blas> blas_;
  std::unique_ptr<Dnn> dnn_;
};

}  // namespace fedcamae::cuda
