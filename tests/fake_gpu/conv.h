// Shapes of cuDNN's tensors, filters and convolutions, read back from NVIDIA's own descriptors,
// which work without a GPU.
#pragma once

#include <cudnn.h>
#include <fmt/format.h>

#include <string>

#include "tests/fake_gpu/device.h"
#include "tests/fake_gpu/numbers.h"

namespace fake_gpu {

inline void check(bool ok, const std::string& text) {
  if (!ok) throw Misuse(CUDNN_STATUS_BAD_PARAM, text);
}

inline void supported(bool ok, const std::string& text) {
  if (!ok) throw Misuse(CUDNN_STATUS_NOT_SUPPORTED, text + " (or not faked)");
}

// [n, h, w, c] with the strides of the descriptor; of a filter n is k and c is per group.
struct Tensor {
  int n, h, w, c;
  int64_t stride_n, stride_h, stride_w, stride_c;
  Type type;
  int64_t count() const { return int64_t{n} * h * w * c; }
  std::string text() const { return fmt::format("[n {}, c {}, h {}, w {}]", n, c, h, w); }

  // visit(offset in elements, index in dense NHWC) for every element.
  template <class Visit>
  void each(const Visit& visit) const {
    int64_t index = 0;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t y = 0; y < h; ++y)
        for (int64_t x = 0; x < w; ++x)
          for (int64_t z = 0; z < c; ++z)
            visit(i * stride_n + y * stride_h + x * stride_w + z * stride_c, index++);
  }
};

// Which pass an algorithm is for.
constexpr int pass_of(cudnnConvolutionFwdAlgo_t) { return 0; }
constexpr int pass_of(cudnnConvolutionBwdDataAlgo_t) { return 1; }
constexpr int pass_of(cudnnConvolutionBwdFilterAlgo_t) { return 2; }

// A convolution y = x * w, of which one of the three is sought.
struct Conv {
  Tensor x, w, y;
  int pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w, groups;
  cudnnMathType_t math;
  bool tf32() const { return x.type == Type::kFloat && math != CUDNN_FMA_MATH; }

  // Depends on the shape and the pass, so that the size for another one is too small or too large;
  // more than what a caller has at hand by luck.
  template <class Algorithm>
  size_t workspace(Algorithm algo) const {
    return 256 * (1000 + (y.count() + w.count() + 7 * x.count() + algo + 20 * pass_of(algo)) % 61);
  }

  // f(index in x, in w, in y), all dense, for every sum of w.c products of the definition, in which
  // x and w go on from there and y stays.
  template <class F>
  void each_row(const F& f) const {
    const int64_t group_k = w.n / groups, group_c = w.c;
    for (int64_t k = 0; k < w.n; ++k)  // outside: a row of the filter, which is large, is read once
      for (int64_t r = 0; r < w.h; ++r)
        for (int64_t s = 0; s < w.w; ++s)
          for (int64_t n = 0; n < y.n; ++n)
            for (int64_t oh = 0; oh < y.h; ++oh)
              for (int64_t ow = 0; ow < y.w; ++ow) {
                const int64_t ih = oh * stride_h - pad_h + r * dilation_h;
                const int64_t iw = ow * stride_w - pad_w + s * dilation_w;
                if (ih < 0 || ih >= x.h || iw < 0 || iw >= x.w) continue;
                f(((n * x.h + ih) * x.w + iw) * x.c + k / group_k * group_c,
                  ((k * w.h + r) * w.w + s) * group_c, ((n * y.h + oh) * y.w + ow) * y.c + k);
              }
  }
};

// Both throw Misuse where a real cuDNN would refuse.
Tensor read(cudnnTensorDescriptor_t descriptor);
Conv read(cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
          cudnnTensorDescriptor_t y);

}  // namespace fake_gpu
