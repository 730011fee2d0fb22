// Differentiable operations. Shapes: images [N, H, W, C], convolution weights [K, R, S, C /
// groups], matrices [rows, columns]. Each comment says what the tape keeps besides small vectors.
#pragma once

#include "autograd/var.h"
#include "core/ops.h"

namespace fedcamae {

// --- elementwise.cpp: same shapes ----------------------------------------------------------------
Var relu(const Var& x);     // keeps y
Var sigmoid(const Var& x);  // keeps y
Var exp(const Var& x);      // keeps y
Var add(const Var& a, const Var& b);
Var mul(const Var& a, const Var& b);  // keeps a and b
inline Var operator+(const Var& a, const Var& b) { return add(a, b); }
inline Var operator*(const Var& a, const Var& b) { return mul(a, b); }
Var reshape(const Var& x, const Shape& shape);
// x rounded or widened to `type`, x itself where it is of it; the gradient goes back to x's type.
Var cast(const Var& x, ElementType type);

// --- conv.cpp, linear.cpp ------------------------------------------------------------------------
// x and w are of one type, float32 or bfloat16; a bias is float32 always.
// y = x * w [+ bias], of x's type; bias [K] may be undefined. Keeps x and w.
Var conv2d(const Var& x, const Var& w, const Var& bias, const ConvSpec& spec = {});
// x [N, in], w [out, in] -> [N, out] in float32; bias [out] may be undefined. Keeps x and w. Where
// these are bfloat16, the products of the backward pass read dy rounded to it.
Var linear(const Var& x, const Var& w, const Var& bias);
Var add_bias(const Var& x, const Var& bias);  // x [.., C] + bias [C]

// --- batch_norm.cpp: f(gamma * normalised x + beta [+ residual]), residual may be undefined ------
// Normalises by the batch and updates the running statistics in place. Keeps x, and y where f is
// ReLU.
Var batch_norm_train(const Var& x, const Var& gamma, const Var& beta, const Var& residual,
                     const BatchNormSpec& spec, const Tensor& running_mean,
                     const Tensor& running_var);
// Normalises by the running statistics, a constant map per channel. Keeps the same; where NoGrad is
// on and nobody else holds x's numbers, the result takes their place.
Var batch_norm_eval(Var x, const Var& gamma, const Var& beta, const Var& residual,
                    const BatchNormSpec& spec, const Tensor& running_mean,
                    const Tensor& running_var);

// --- pool.cpp ------------------------------------------------------------------------------------
Var max_pool(const Var& x, const PoolSpec& spec);  // keeps x
Var avg_pool(const Var& x, const PoolSpec& spec);
Var global_avg_pool(const Var& x);                  // [N, H, W, C] -> [N, C]
Var scale_channels(const Var& x, const Var& gate);  // gate [N, C]; keeps both

// --- loss.cpp: one number [] ---------------------------------------------------------------------
// Mean over the batch; logits [N, C], labels [N] in [0, C). Keeps the probabilities.
Var softmax_cross_entropy(const Var& logits, const IndexTensor& labels, float smoothing = 0.0f);
// Mean over all elements of (prediction - target)^2. Keeps the difference.
Var mean_squared_error(const Var& prediction, const Tensor& target);
// Mean over all elements of -(w t log p + (1 - t) log(1 - p)), p = sigmoid(logit), t the target in
// [0, 1] and w the positive weight; finite for any logit. Keeps p and the target.
Var binary_cross_entropy(const Var& logits, const Tensor& target, float positive_weight = 1);
// Sum over all elements of x * weights. Keeps the weights.
Var weighted_sum(const Var& x, const Tensor& weights);
// Sum over the batch of scores[n, classes[n]]: the score that LayerCAM explains. Images do not
// mix below the logits in evaluation mode, so each map is that of its own score.
Var pick_and_sum(const Var& scores, const IndexTensor& classes);

}  // namespace fedcamae
