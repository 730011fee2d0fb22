#include "tests/fake_gpu/conv.h"

namespace fake_gpu {
namespace {

Type type_of(cudnnDataType_t type) {
  supported(type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_BFLOAT16, "neither float nor bfloat16");
  return type == CUDNN_DATA_FLOAT ? Type::kFloat : Type::kBfloat16;
}

Tensor read(cudnnFilterDescriptor_t descriptor) {
  Tensor t;
  cudnnDataType_t type;
  cudnnTensorFormat_t format;
  check(cudnnGetFilter4dDescriptor(descriptor, &type, &format, &t.n, &t.c, &t.h, &t.w) ==
            CUDNN_STATUS_SUCCESS,
        "a filter descriptor that was not set");
  supported(format == CUDNN_TENSOR_NCHW || format == CUDNN_TENSOR_NHWC, "a filter of this format");
  t.type = type_of(type);
  const bool nhwc = format == CUDNN_TENSOR_NHWC;
  t.stride_n = int64_t{t.c} * t.h * t.w;
  t.stride_c = nhwc ? 1 : t.h * t.w;
  t.stride_w = nhwc ? t.c : 1;
  t.stride_h = t.w * t.stride_w;
  return t;
}

}  // namespace

Tensor read(cudnnTensorDescriptor_t descriptor) {
  Tensor t;
  cudnnDataType_t type;
  int sn, sc, sh, sw;
  check(cudnnGetTensor4dDescriptor(descriptor, &type, &t.n, &t.c, &t.h, &t.w, &sn, &sc, &sh, &sw) ==
            CUDNN_STATUS_SUCCESS,
        "a tensor descriptor that was not set");
  t.type = type_of(type);
  t.stride_n = sn, t.stride_c = sc, t.stride_h = sh, t.stride_w = sw;
  return t;
}

Conv read(cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t conv,
          cudnnTensorDescriptor_t y) {
  Conv made{};
  made.x = read(x), made.w = read(w), made.y = read(y);
  cudnnConvolutionMode_t mode;
  cudnnDataType_t compute;
  check(cudnnGetConvolution2dDescriptor(conv, &made.pad_h, &made.pad_w, &made.stride_h,
                                        &made.stride_w, &made.dilation_h, &made.dilation_w, &mode,
                                        &compute) == CUDNN_STATUS_SUCCESS,
        "a convolution descriptor that was not set");
  cudnnGetConvolutionGroupCount(conv, &made.groups);
  cudnnGetConvolutionMathType(conv, &made.math);
  supported(mode == CUDNN_CROSS_CORRELATION, "mode CUDNN_CONVOLUTION");
  supported(compute == CUDNN_DATA_FLOAT, "a compute type other than float");
  supported(made.x.type == made.w.type && made.w.type == made.y.type, "tensors of different types");
  check(made.x.c == made.w.c * made.groups && made.w.n % made.groups == 0,
        fmt::format("x {} and filter {} do not fit for {} groups", made.x.text(), made.w.text(),
                    made.groups));
  const auto out = [](int size, int pad, int taps, int dilation, int stride) {
    return (size + 2 * pad - (taps - 1) * dilation - 1) / stride + 1;
  };
  Tensor expected = made.y;
  expected.n = made.x.n, expected.c = made.w.n;
  expected.h = out(made.x.h, made.pad_h, made.w.h, made.dilation_h, made.stride_h);
  expected.w = out(made.x.w, made.pad_w, made.w.w, made.dilation_w, made.stride_w);
  check(
      expected.text() == made.y.text(),
      fmt::format("y is {}, and by x, filter and convolution {}", made.y.text(), expected.text()));
  return made;
}

}  // namespace fake_gpu
