// Checked operations on tensors: each checks shapes and contexts and calls one Backend primitive.
// All tensors are of one context, where the operation runs and a new output lies; an argument
// marked "any context" may be of another context of the same device. Errors read "[conv2d] rule,
// got shape". Shapes: images [N, H, W, C], convolution weights [K, R, S, C / groups], matrices
// [rows, columns]. Element types: float32, but where Backend says [bf16]; there a new output is of
// the type of x (or of dy), and the operation works on every device.
#pragma once

#include <span>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"

namespace fedcamae::ops {

// --- element types -------------------------------------------------------------------------------
Tensor cast(const Tensor& x, ElementType type);    // x itself where it is of this type
void cast_into(const Tensor& x, const Tensor& y);  // y = x, rounded to y's type; same shapes

// --- elementwise (same shapes) -------------------------------------------------------------------
Tensor unary(Unary f, const Tensor& x);
Tensor unary_backward(Unary f, const Tensor& dy, const Tensor& kept);
Tensor binary(Binary f, const Tensor& a, const Tensor& b);
inline Tensor relu(const Tensor& x) { return unary(Unary::kRelu, x); }
inline Tensor sigmoid(const Tensor& x) { return unary(Unary::kSigmoid, x); }
inline Tensor add(const Tensor& a, const Tensor& b) { return binary(Binary::kAdd, a, b); }
inline Tensor sub(const Tensor& a, const Tensor& b) { return binary(Binary::kSubtract, a, b); }
inline Tensor mul(const Tensor& a, const Tensor& b) { return binary(Binary::kMultiply, a, b); }

// --- in place, on vectors of any length ----------------------------------------------------------
void fill_(const Tensor& x, float value);
void copy_(const Tensor& from, const Tensor& to);           // same size and type; from: any context
void axpy_(float alpha, const Tensor& x, const Tensor& y);  // y += alpha x; x: any context
void scale_(float alpha, const Tensor& x);
void clamp_(float low, float high, const Tensor& x);
void add_(const Tensor& x, const Tensor& y);            // y += x; same shapes
void add_row_(const Tensor& b, const Tensor& x);        // x [.., C] += b [C]
Tensor gather(const Tensor& x, const IndexTensor& at);  // [at]: x[at[i]], in at's context; x: any
// Each row of x [rows.., C] to [0, 1], as Backend::scale_to_unit_last.
void scale_to_unit_(const Tensor& x);
// x[i] = mean + deviation * the i-th number of Random(key).normal(): the same on every device.
void fill_normal_(const RandomKey& key, double mean, double deviation, const Tensor& x);
// x[i] = low + (high - low) * the (first + i)-th number of Random(key).uniform().
void fill_uniform_(const RandomKey& key, int64_t first, double low, double high, const Tensor& x);

// --- reductions ----------------------------------------------------------------------------------
double sum(const Tensor& x);
double dot(const Tensor& a, const Tensor& b);
double norm(const Tensor& x);                               // Euclidean
double squared_distance(const Tensor& a, const Tensor& b);  // in a's context; b: any context
// Between n vectors of one length, of any contexts, computed in `context`: [n * n], symmetric to
// the bit, its diagonal 0. A vector that is not finite makes its row and column NaN.
std::vector<double> pairwise_squared_distances(Context& context, std::span<const Tensor> vectors);
// The median of every coordinate over vectors of one shape, of any contexts, at least one; in
// `context`. Of an even number the mean of the middle two, NaN where one is NaN.
Tensor coordinate_median(Context& context, std::span<const Tensor> vectors);
// The mean of every coordinate over such vectors without the `trim` smallest and the `trim`
// largest, 0 <= 2 trim < vectors; NaN where one is NaN or one that stays is infinite.
Tensor coordinate_trimmed_mean(Context& context, std::span<const Tensor> vectors, int64_t trim);
bool all_finite(const Tensor& x);
Tensor sum_rows(const Tensor& x);                   // [.., C] -> [C], float32
Tensor sum_last(const Tensor& x);                   // [rows.., C] -> [rows]
std::vector<int32_t> argmax_last(const Tensor& x);  // [rows, C] -> rows
struct MinMax {
  Tensor low, high;  // [rows]
};
MinMax minmax_last(const Tensor& x);  // [rows, C]

// --- matrices, convolution -----------------------------------------------------------------------
// c is of `type`: float32, or that of a and b.
Tensor gemm(const Tensor& a, const Tensor& b, const GemmSpec& spec = {},
            ElementType type = ElementType::kFloat32);
void gemm_into(const Tensor& a, const Tensor& b, const GemmSpec& spec, const Tensor& c);
Shape conv2d_shape(const Shape& x, const Shape& w, const ConvSpec& spec);
Tensor conv2d(const Tensor& x, const Tensor& w, const ConvSpec& spec);
Tensor conv2d_backward_data(const Tensor& dy, const Tensor& w, const Shape& x,
                            const ConvSpec& spec);
void conv2d_backward_weight_into(const Tensor& dy, const Tensor& x, const ConvSpec& spec,
                                 const Tensor& dw);

// Adam's step of one weight, taken where its gradient is made; all of the weight's shape. What the
// gradient's buffer holds afterwards is not said.
struct WeightStep {
  AdamSpec spec;
  int64_t step = 1;  // counts from 1
  Tensor gradient, parameter, m, v;
};
// The bits of gemm_into(dy, x, {.transpose_a = true}, gradient) and adam_step_: dy [N, M], x [N, K]
// and the weight [M, K] of a linear layer; float32.
void gemm_adam_(const Tensor& dy, const Tensor& x, const WeightStep& step);
// The bits of conv2d_backward_weight_into(dy, x, spec, gradient) and adam_step_; float32.
void conv2d_backward_weight_adam_(const Tensor& dy, const Tensor& x, const ConvSpec& spec,
                                  const WeightStep& step);

Tensor transpose(const Tensor& x);  // [R, C] -> [C, R]
// One training step of a dense autoencoder in two halves, Backend::DecoderStep and EncoderStep:
// x [N, P], x_t its transpose, hidden and dz [N, H], weights [P, H], the decoder's bias [P].
struct DecoderResult {
  double loss = 0;  // the mean of (y - x)^2 before the step
  Tensor dhidden;   // [N, H]
};
DecoderResult decoder_step_(const Tensor& x, const Tensor& x_t, const Tensor& hidden,
                            const WeightStep& weight, const WeightStep& bias);
// Returns x weight [N, H], after the weight's step.
Tensor encoder_step_(const Tensor& x, const Tensor& x_t, const Tensor& dz,
                     const WeightStep& weight);

// --- pooling, resizing, gating -------------------------------------------------------------------
Shape pool_shape(const Shape& x, const PoolSpec& spec);
Tensor max_pool(const Tensor& x, const PoolSpec& spec);
Tensor max_pool_backward(const Tensor& dy, const Tensor& x, const PoolSpec& spec);
Tensor avg_pool(const Tensor& x, const PoolSpec& spec);
Tensor avg_pool_backward(const Tensor& dy, const Shape& x, const PoolSpec& spec);
Tensor global_avg_pool(const Tensor& x);  // [N, H, W, C] -> [N, C]
Tensor global_avg_pool_backward(const Tensor& dy, const Shape& x);
Tensor resize_bilinear(const Tensor& x, int64_t height, int64_t width);
Tensor scale_channels(const Tensor& x, const Tensor& gate);
struct ScaleChannelsGrads {
  Tensor dx, dgate;
};
ScaleChannelsGrads scale_channels_backward(const Tensor& dy, const Tensor& x, const Tensor& gate);

// --- batch norm ----------------------------------------------------------------------------------
struct BatchNormResult {
  Tensor y, mean, inv_std;
};
// residual may be undefined. Updates the running statistics.
BatchNormResult batch_norm_train(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                 const Tensor& residual, const BatchNormSpec& spec,
                                 const Tensor& running_mean, const Tensor& running_var);
Tensor batch_norm_eval(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                       const Tensor& residual, const BatchNormSpec& spec,
                       const Tensor& running_mean, const Tensor& running_var);
// y may be x.
void batch_norm_eval_into(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                          const Tensor& residual, const BatchNormSpec& spec,
                          const Tensor& running_mean, const Tensor& running_var, const Tensor& y);
// Writes into defined outputs of `out`; dgamma and dbeta may be undefined in eval mode only.
struct BatchNormOutputs {
  Tensor dx, dgamma, dbeta, dresidual;
};
void batch_norm_train_backward(const Tensor& dy, const Tensor& x, const Tensor& y,
                               const Tensor& gamma, const BatchNormSpec& spec, const Tensor& mean,
                               const Tensor& inv_std, const BatchNormOutputs& out);
void batch_norm_eval_backward(const Tensor& dy, const Tensor& x, const Tensor& y,
                              const Tensor& gamma, const BatchNormSpec& spec,
                              const Tensor& running_mean, const Tensor& running_var,
                              const BatchNormOutputs& out);

// --- losses --------------------------------------------------------------------------------------
struct CrossEntropyResult {
  Tensor loss;           // []: mean over the batch
  Tensor probabilities;  // [N, C]
  Tensor loss_per_row;   // [N]
};
// Labels must lie in [0, C).
CrossEntropyResult softmax_cross_entropy(const Tensor& logits, const IndexTensor& labels,
                                         float smoothing = 0.0f);
Tensor softmax_cross_entropy_backward(const Tensor& dloss, const Tensor& probabilities,
                                      const IndexTensor& labels, float smoothing);

// --- optimisers ----------------------------------------------------------------------------------
void sgd_step_(const SgdSpec& spec, int64_t step, const Tensor& grad, const Tensor& parameter,
               const Tensor& momentum);
void adam_step_(const AdamSpec& spec, int64_t step, const Tensor& grad, const Tensor& parameter,
                const Tensor& m, const Tensor& v);

}  // namespace fedcamae::ops
