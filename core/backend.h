// Backend: the primitives a device must have, on plain views. It neither checks nor allocates
// outputs nor knows gradients; core/ops.h holds the checked functions that people call.
//
// Conventions. Outputs are overwritten unless the name or comment says "accumulates". Images are
// [N, H, W, C], convolution weights [K, R, S, C / groups], matrices row-major. "Per channel" means
// along the last dimension. Sums are split into pieces that do not depend on the thread count and
// are added in a fixed order: on one instruction-set level the bits never depend on threads.
//
// Element types. A view is float32 unless the primitive is marked [bf16] with the views that hold
// activations (or what a product reads): these are all of one type, float32 or bfloat16, and the
// rest is float32. Each number is widened when it is read, formulas and sums are float32, and what
// goes to a bfloat16 view is rounded once, to nearest even.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "core/functors.h"
#include "core/random.h"
#include "core/tensor.h"

namespace fedcamae {

struct ConvSpec {
  int64_t stride = 1;
  int64_t padding = 0;  // zeros on every side
  int64_t groups = 1;
};
struct PoolSpec {
  int64_t window = 2;
  int64_t stride = 2;
  int64_t padding = 0;  // max: -infinity; average: zeros that count (PyTorch's default)
};
struct GemmSpec {
  bool transpose_a = false;
  bool transpose_b = false;
  bool accumulate = false;  // c += instead of c =
};
// Batch norm over all rows of x, per channel, with what follows it fused:
// y = f(gamma * (x - mean) / sqrt(var + eps) + beta [+ residual]), f = ReLU or identity.
struct BatchNormSpec {
  float eps = 1e-5f;
  float momentum = 0.1f;  // running = (1 - momentum) * running + momentum * batch
  bool relu = false;
};
struct BatchNormStats {  // [C] each
  View mean;
  View inv_std;  // 1 / sqrt(biased batch variance + eps)
};
struct BatchNormGrads {
  View dx;
  View dgamma;  // data == nullptr: not wanted (eval mode only)
  View dbeta;
  View dresidual;  // data == nullptr: there was no residual; may not alias dx
};
// PyTorch's semantics, to the order of operations; numbers in double until they meet the tensors.
struct SgdSpec {
  double lr = 0.1;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;  // added to the gradient
  bool nesterov = false;
};
struct AdamSpec {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  // true: AdamW
};
// Adam's step on a weight, taken where its gradient is made.
struct AdamUpdate {
  AdamSpec spec;
  int64_t step = 1;  // counts from 1
  View parameter, m, v;
};
// A training step of a dense autoencoder with one hidden layer, in two halves: x [N, P] ->
// hidden [N, H] = ReLU(x weight + bias) -> y [N, P] = sigmoid(hidden weight^T + bias), both weights
// [P, H]. A half takes its weight's Adam step; the gradients' buffers, shaped as what they are of,
// and the scratch may be written or not.
struct DecoderStep {
  ConstView x, x_t;  // x_t [P, N]: the same numbers, for devices that read all of a pixel at once
  ConstView hidden;
  AdamUpdate weight, bias;  // [P, H], [P]
  View weight_gradient, bias_gradient;
  View y, dy;    // scratch, [N, P]
  View dhidden;  // [N, H]: the gradient of the loss, the mean of (y - x)^2
};
struct EncoderStep {
  ConstView x, x_t;
  ConstView dz;  // [N, H]: the gradient by x weight, before bias and ReLU
  AdamUpdate weight;
  View weight_gradient;
  View z;  // [N, H]: x weight, after the weight's step
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "cpu (avx512)"

  // --- memory -----------------------------------------------------------------------------------
  // At least 64-byte aligned. Throws Error{kDevice} when there is none left.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* block, size_t bytes) noexcept = 0;
  // give_back() releases what is kept for reuse; called where memory has run out, before the second
  // and last try.
  void on_shortage(std::function<void()> give_back) { give_back_ = std::move(give_back); }
  virtual void copy(const void* from, void* to, size_t bytes) = 0;  // within the device
  virtual void copy_from_host(void* to, const void* host, size_t bytes) = 0;
  virtual void copy_to_host(const void* from, void* host, size_t bytes) = 0;
  // A copy from the host that runs after what was asked for so far and beside what is asked for
  // next, the step that it is begun before; the host's bytes have been read when it returns. The
  // destination may be used from finish_uploads on, not before, and must not go back to the pool
  // before it either.
  virtual void begin_upload(void* to, const void* host, size_t bytes) {
    copy_from_host(to, host, bytes);
  }
  // What is asked for from here on runs after all uploads begun so far.
  virtual void finish_uploads() {}
  virtual void set_bytes(void* block, int value, size_t bytes) = 0;
  virtual void fill(View y, float value) = 0;  // [bf16: y]
  // y = x rounded to y's element type; the two types may be the same.
  virtual void cast(ConstView x, View y) = 0;

  // --- order of execution -----------------------------------------------------------------------
  // A device may run later what it is asked to do, in the order in which it was asked. Whatever
  // returns a number, and copy_to_host, waits for it.
  virtual void synchronize() = 0;  // waits for everything
  // What this backend is asked from here on runs after what `other`, of the same device, was asked
  // so far. Several threads may call it at once, on either side, while both backends are at work.
  virtual void wait_for(Backend& other) = 0;

  // --- elementwise ------------------------------------------------------------------------------
  // [bf16: all views, but for axpy, scale and clamp; b of add_row is float32]
  virtual void unary(Unary f, ConstView x, View y) = 0;  // y may be x
  // kept: the functor's input or output (fn::keeps). dx may be dy.
  virtual void unary_backward(Unary f, ConstView dy, ConstView kept, View dx) = 0;
  virtual void binary(Binary f, ConstView a, ConstView b, View y) = 0;  // y may be a or b
  virtual void axpy(float alpha, ConstView x, View y) = 0;              // y += alpha x
  virtual void scale(float alpha, View x) = 0;                          // x *= alpha
  virtual void clamp(float low, float high, View x) = 0;                // NaN stays NaN
  // x [rows, C] (+)= b [C] / x [rows, C] * b [C]
  virtual void add_row(ConstView b, View x) = 0;
  // y [N, H, W, C] = x * gate, gate [N, C]: squeeze-and-excite.
  virtual void scale_channels(ConstView x, ConstView gate, View y) = 0;
  // dx = dy * gate; dgate [N, C] = sum over pixels of dy * x.
  virtual void scale_channels_backward(ConstView dy, ConstView x, ConstView gate, View dx,
                                       View dgate) = 0;

  // y[i] = x[at[i]], `at` on the device and within x.
  virtual void gather(ConstView x, std::span<const int32_t> at, View y) = 0;

  // --- reductions (results summed in double where the result is one number) ----------------------
  virtual double sum(ConstView x) = 0;
  virtual double dot(ConstView a, ConstView b) = 0;
  virtual double squared_distance(ConstView a, ConstView b) = 0;
  // table [n][n]: the squared distances between n vectors of one length; symmetric to the bit, its
  // diagonal 0. A vector that is not finite makes its row and column NaN.
  virtual void pairwise_squared_distances(std::span<const ConstView> vectors,
                                          std::span<double> table) = 0;
  // y[i] = the median of the vectors' i-th numbers, at least one vector; the mean of the middle two
  // of an even number; NaN where one is NaN. The same bits on every device.
  virtual void coordinate_median(std::span<const ConstView> vectors, View y) = 0;
  // y[i] = the mean of the vectors' i-th numbers without the `trim` smallest and the `trim` largest
  // of them, summed in double; 2 trim < vectors. NaN where one is NaN or one that stays infinite.
  virtual void coordinate_trimmed_mean(std::span<const ConstView> vectors, int64_t trim,
                                       View y) = 0;
  virtual bool all_finite(ConstView x) = 0;
  virtual void sum_rows(ConstView x, View y) = 0;                   // [rows, C] -> [C]; [bf16: x]
  virtual void sum_last(ConstView x, View y) = 0;                   // [rows, C] -> [rows]
  virtual void argmax_last(ConstView x, std::span<int32_t> y) = 0;  // lowest index wins; NaN wins
  virtual void minmax_last(ConstView x, View low, View high) = 0;   // [rows, C] -> [rows] each
  // Each row of x [rows, C]: x -= min, then x /= float(1e-7 + double(max)), the arithmetic of
  // pytorch-grad-cam's scale_cam_image. A row with a NaN becomes NaN.
  virtual void scale_to_unit_last(View x) = 0;

  // --- random numbers ---------------------------------------------------------------------------
  // y[i] = float(mean + deviation * the i-th number that Random(key).normal() returns).
  virtual void fill_normal(const RandomKey& key, double mean, double deviation, View y) = 0;
  // y[i] = float(low + (high - low) * u[first + i]), u the numbers that Random(key).uniform()
  // returns; the same bits on every device.
  virtual void fill_uniform(const RandomKey& key, int64_t first, double low, double high,
                            View y) = 0;

  // --- matrices ---------------------------------------------------------------------------------
  // c [M, N] = op(a) [M, K] * op(b) [K, N]. [bf16: a and b; c as they are, or float32]
  virtual void gemm(const GemmSpec& spec, ConstView a, ConstView b, View c) = 0;
  virtual void transpose(ConstView x, View y) = 0;  // [R, C] -> [C, R]
  // --- convolution (no bias; add_row and sum_rows serve for it) ---------------------------------
  // [bf16: all views]
  virtual void conv2d(ConstView x, ConstView w, const ConvSpec& spec, View y) = 0;
  virtual void conv2d_backward_data(ConstView dy, ConstView w, const ConvSpec& spec, View dx) = 0;
  virtual void conv2d_backward_weight(ConstView dy, ConstView x, const ConvSpec& spec, View dw) = 0;

  // --- a weight's gradient and its Adam step in one ----------------------------------------------
  // Whether that is quicker here than one step over the flat buffers after the backward pass.
  virtual bool steps_in_products() const { return false; }
  // The bits of one after the other. What `grad`, of the weight's shape, then holds is not said.
  // grad [M, K] = dy [N, M] transposed * x [N, K].
  virtual void gemm_adam(ConstView dy, ConstView x, View grad, const AdamUpdate& update) {
    gemm({.transpose_a = true}, dy, x, grad);
    adam_step(update.spec, update.step, grad, update.parameter, update.m, update.v);
  }
  // grad = conv2d_backward_weight(dy, x).
  virtual void conv2d_backward_weight_adam(ConstView dy, ConstView x, const ConvSpec& spec,
                                           View grad, const AdamUpdate& update) {
    conv2d_backward_weight(dy, x, spec, grad);
    adam_step(update.spec, update.step, grad, update.parameter, update.m, update.v);
  }

  // --- a dense autoencoder's training step (core/ops_dense_autoencoder.cpp: of the parts above) --
  // Returns the loss before the step.
  virtual double decoder_step(const DecoderStep& s);
  virtual void encoder_step(const EncoderStep& s);

  // --- pooling and resizing ---------------------------------------------------------------------
  // [bf16: all views of the pools]
  virtual void max_pool(ConstView x, const PoolSpec& spec, View y) = 0;
  // The gradient goes to the first maximum of a window in row-major order (PyTorch's choice).
  virtual void max_pool_backward(ConstView dy, ConstView x, const PoolSpec& spec, View dx) = 0;
  virtual void avg_pool(ConstView x, const PoolSpec& spec, View y) = 0;
  virtual void avg_pool_backward(ConstView dy, const PoolSpec& spec, View dx) = 0;
  virtual void global_avg_pool(ConstView x, View y) = 0;  // [N, H, W, C] -> [N, C]
  virtual void global_avg_pool_backward(ConstView dy, View dx) = 0;
  // Bilinear, half-pixel centres, edge clamped: PyTorch's align_corners = false, no antialias.
  virtual void resize_bilinear(ConstView x, View y) = 0;

  // --- batch norm -------------------------------------------------------------------------------
  // [bf16: x, y, residual and their gradients; gamma, beta, statistics and theirs are float32]
  // residual.data == nullptr: none. running_var receives the unbiased batch variance.
  virtual void batch_norm_train(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                                const BatchNormSpec& spec, View running_mean, View running_var,
                                View y, BatchNormStats saved) = 0;
  // y: the fused output, read only where spec.relu; saved: as batch_norm_train left it.
  virtual void batch_norm_train_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                         const BatchNormSpec& spec, BatchNormStats saved,
                                         BatchNormGrads out) = 0;
  // y may be x.
  virtual void batch_norm_eval(ConstView x, ConstView gamma, ConstView beta, ConstView residual,
                               const BatchNormSpec& spec, ConstView running_mean,
                               ConstView running_var, View y) = 0;
  virtual void batch_norm_eval_backward(ConstView dy, ConstView x, ConstView y, ConstView gamma,
                                        const BatchNormSpec& spec, ConstView running_mean,
                                        ConstView running_var, BatchNormGrads out) = 0;

  // --- losses -----------------------------------------------------------------------------------
  // Cross-entropy with label smoothing e: target (1 - e) onehot + e / C. Leaves the softmax in
  // `probabilities` [N, C] and each row's loss in `loss_per_row` [N].
  virtual void softmax_cross_entropy(ConstView logits, std::span<const int32_t> labels,
                                     float smoothing, View probabilities, View loss_per_row) = 0;
  // dlogits = dloss / N * (probabilities - target), dloss one number on the device.
  virtual void softmax_cross_entropy_backward(ConstView dloss, ConstView probabilities,
                                              std::span<const int32_t> labels, float smoothing,
                                              View dlogits) = 0;

  // --- optimisers, one pass over the flat buffers -----------------------------------------------
  // step counts from 1. momentum may be empty where spec.momentum is 0.
  virtual void sgd_step(const SgdSpec& spec, int64_t step, ConstView grad, View parameter,
                        View momentum) = 0;
  virtual void adam_step(const AdamSpec& spec, int64_t step, ConstView grad, View parameter, View m,
                         View v) = 0;

 protected:
  void relieve() const {
    if (give_back_) give_back_();
  }

 private:
  std::function<void()> give_back_;
};

// The CUDA backend of GPU options.device.index, with a stream of its own. Throws Error{kDevice}
// where that cannot be used. Only where the build has CUDA, as what follows.
std::shared_ptr<Backend> make_cuda_backend(const ContextOptions& options);
// How many GPUs this machine has; 0 where none can be asked, in `why` (where given) the reason.
int cuda_device_count(std::string* why = nullptr);
// Why GPU `index` cannot be used, in one line; empty where it can.
std::string cuda_obstacle(int index);

// The CPU backend for `threads` OpenMP threads, at the best instruction-set level of this machine
// or at the one named by FEDCAMAE_ISA (baseline | avx2 | avx512 | avx512_bf16).
std::shared_ptr<Backend> make_cpu_backend(int threads);
// The level that make_cpu_backend picks: "avx512_bf16", "avx512", "avx2", "baseline".
std::string cpu_isa_name();

}  // namespace fedcamae
